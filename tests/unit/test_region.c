#include "proto/region.h"

#include "unit.h"

START_TEST(each_region_has_its_domain)
{
	static const char *const regions[][2] = {
		{"us_east_1", "mypurecloud.com"},
		{"eu_west_1", "mypurecloud.ie"},
		{"ap_southeast_2", "mypurecloud.com.au"},
		{"ap_northeast_1", "mypurecloud.jp"},
		{"eu_central_1", "mypurecloud.de"},
		{"us_west_2", "usw2.pure.cloud"},
		{"ca_central_1", "cac1.pure.cloud"},
		{"ap_northeast_2", "apne2.pure.cloud"},
		{"eu_west_2", "euw2.pure.cloud"},
		{"ap_south_1", "aps1.pure.cloud"},
		{"us_east_2", "use2.us-gov-pure.cloud"},
		{"sa_east_1", "sae1.pure.cloud"},
		{"me_central_1", "mec1.pure.cloud"},
		{"ap_northeast_3", "apne3.pure.cloud"},
		{"eu_central_2", "euc2.pure.cloud"},
		{"mx_central_1", "mxc1.pure.cloud"},
		{"ap_southeast_1", "apse1.pure.cloud"},
		{"eusc_de_east_1", "edee1.eusc-pure.cloud"},
	};

	for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
		ck_assert_pstr_eq(region_domain(regions[i][0]), regions[i][1]);
		ck_assert_pstr_eq(region_domain(region_of_domain(regions[i][1])), regions[i][1]);
	}
}
END_TEST

START_TEST(region_is_taken_with_dashes_and_in_any_case)
{
	ck_assert_pstr_eq(region_domain("eu-west-1"), "mypurecloud.ie");
	ck_assert_pstr_eq(region_domain("EU_WEST_1"), "mypurecloud.ie");
	ck_assert_pstr_eq(region_domain("Eu-West-1"), "mypurecloud.ie");
}
END_TEST

START_TEST(domain_is_told_as_a_region_with_dashes)
{
	ck_assert_pstr_eq(region_of_domain("mypurecloud.com"), "us-east-1");
	ck_assert_pstr_eq(region_of_domain("MyPureCloud.com.au"), "ap-southeast-2");
}
END_TEST

START_TEST(what_is_no_region_has_no_domain)
{
	ck_assert_ptr_null(region_domain(""));
	ck_assert_ptr_null(region_domain("eu_west"));
	ck_assert_ptr_null(region_domain("eu_west_"));
	ck_assert_ptr_null(region_domain("eu_west_10"));
	ck_assert_ptr_null(region_domain(" eu_west_1"));
	ck_assert_ptr_null(region_domain("mypurecloud.ie"));
}
END_TEST

START_TEST(other_domains_have_no_region)
{
	ck_assert_ptr_null(region_of_domain(""));
	ck_assert_ptr_null(region_of_domain("localhost"));
	ck_assert_ptr_null(region_of_domain("login.mypurecloud.ie"));
	ck_assert_ptr_null(region_of_domain("mypurecloud.co"));
	ck_assert_ptr_null(region_of_domain("eu-west-1"));
}
END_TEST

UNIT_MAIN("region", each_region_has_its_domain, region_is_taken_with_dashes_and_in_any_case,
	domain_is_told_as_a_region_with_dashes, what_is_no_region_has_no_domain,
	other_domains_have_no_region)
