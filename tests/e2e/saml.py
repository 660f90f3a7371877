"""SAML responses with assertions that xmlsec1 signs, as an identity provider would post them."""

import base64
import datetime
import os
import subprocess
import uuid

TIMEOUT_S = 60

SKEW_S = 60

SIGNATURE = """
<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>
<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
<ds:Reference URI="#{id}"><ds:Transforms>
<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>
<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>
<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference>
</ds:SignedInfo><ds:SignatureValue/></ds:Signature>"""

RESPONSE = """<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"
 xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{response_id}" Version="2.0" IssueInstant="{now}">
<saml:Issuer>https://idp.example/</saml:Issuer>
<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
<saml:Assertion ID="{id}" Version="2.0" IssueInstant="{now}"><saml:Issuer>https://idp.example/</saml:Issuer>{signature}
<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress">{user}</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
<saml:SubjectConfirmationData NotOnOrAfter="{end}"/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="{begin}" NotOnOrAfter="{end}"><saml:AudienceRestriction>
<saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>
<saml:AuthnStatement AuthnInstant="{now}"><saml:AuthnContext>
<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef>
</saml:AuthnContext></saml:AuthnStatement></saml:Assertion></samlp:Response>"""


def response(key, directory, audience, user, valid_s=300):
    """A signed response as XML. A negative valid_s makes one that has expired."""
    now = datetime.datetime.now(datetime.timezone.utc)
    end = now + datetime.timedelta(seconds=valid_s)

    def text(time):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ")

    identifier = "_" + uuid.uuid4().hex
    path = os.path.join(directory, "template.xml")
    with open(path, "w", encoding="utf-8") as file:
        file.write(RESPONSE.format(
            id=identifier, response_id="_" + uuid.uuid4().hex, audience=audience, user=user,
            signature=SIGNATURE.format(id=identifier), now=text(now), end=text(end),
            begin=text(min(now, end) - datetime.timedelta(seconds=SKEW_S))))
    return subprocess.run(
        ["xmlsec1", "--sign", "--privkey-pem", key.private,
         "--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion", path],
        check=True, capture_output=True, timeout=TIMEOUT_S).stdout


def assertion(*arguments, **options):
    """The same as Genesys Cloud takes it: in base64."""
    return base64.b64encode(response(*arguments, **options)).decode()
