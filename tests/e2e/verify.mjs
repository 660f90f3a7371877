/*
 * Verifies the JWT access token on stdin as a resource server does (RFC 9068): signature by the
 * issuer's JWKS, issuer, audience, expiry. It prints the claims and exits with 0, or says why not
 * and exits with 1.
 *
 *     node verify.mjs ISSUER AUDIENCE ALGORITHM <TOKEN
 */
import { readFileSync } from 'node:fs';

import { createRemoteJWKSet, jwtVerify } from 'jose';

const [issuer, audience, algorithm] = process.argv.slice(2);

try {
	const discovery = await fetch(`${issuer}/.well-known/openid-configuration`);
	const { jwks_uri: jwksUri } = await discovery.json();
	const { payload } = await jwtVerify(
		readFileSync(0, 'utf8').trimEnd(),
		createRemoteJWKSet(new URL(jwksUri)),
		{ issuer, audience, algorithms: [algorithm], typ: 'at+jwt', requiredClaims: ['exp'] },
	);
	console.log(JSON.stringify(payload));
} catch (error) {
	console.error(error.message);
	process.exitCode = 1;
}
