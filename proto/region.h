/*
 * Genesys Cloud's regions: the name that people write and the domain that goes with it.
 * It does not know which host a profile talks to.
 */
#pragma once

/* The domain of a region written as eu_west_1 or eu-west-1 (letters in any case), or NULL. */
const char *region_domain(const char *name);

/* The region of a domain, as Terraform and the Genesys CLI write it ("eu-west-1"), or NULL. */
const char *region_of_domain(const char *domain);
