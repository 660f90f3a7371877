/*
 * A real authorization server on loopback: npm's oidc-provider with client_credentials, codes with
 * PKCE, device codes, rotating refresh tokens with reuse detection, and SAML assertions checked by
 * npm's @node-saml/node-saml. It knows nothing of gctokend.
 *
 * The first line of stdin is {"clients": [...], "lifetime": seconds} with, if wanted,
 *   "tls": {"cert", "key", "ca"}    PEM: serve HTTPS and ask for a client certificate of that CA
 *   "saml": {"certificate", "audience"}    whose assertions are taken, and for whom they have to be
 * A client has the metadata of RFC 7591, "public_key" and "key_id" (PEM, for private_key_jwt) or
 * "certificate" (PEM, for self_signed_tls_client_auth), and "default_resource". When it serves, it
 * prints {"issuer", "pid"} as one line. It ends when stdin does, so it never outlives who started it.
 *
 * Users sign in and consent by the forms of oidc-provider's devInteractions. GET /_requests lists
 * the token requests that it has answered.
 */
import { X509Certificate, createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createInterface } from 'node:readline';

import { Provider, errors } from 'oidc-provider';

const SAML2_BEARER = 'urn:ietf:params:oauth:grant-type:saml2-bearer';
// A JWT is for a resource: this is how the three kinds of access token are chosen.
const RESOURCE_SERVERS = {
	'https://rs256.example/': { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } },
	'https://es256.example/': { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } },
	'https://opaque.example/': { accessTokenFormat: 'opaque' },
};
const SCOPES = 'read write';
const CLOCK_TOLERANCE_S = 5;
const SESSION_S = 86400;

function getResourceServerInfo(ctx, resource) {
	const server = RESOURCE_SERVERS[resource];

	if (!server) {
		throw new errors.InvalidTarget();
	}
	return { ...server, scope: SCOPES };
}

function signingKeys() {
	const pairs = [
		generateKeyPairSync('rsa', { modulusLength: 2048 }),
		generateKeyPairSync('ec', { namedCurve: 'P-256' }),
	];

	return pairs.map(({ privateKey }) => ({ ...privateKey.export({ format: 'jwk' }), use: 'sig' }));
}

// The keys that a client is known by.
function clientKeys({ public_key: publicKey, key_id: kid, certificate }) {
	if (publicKey) {
		return { jwks: { keys: [{ ...createPublicKey(publicKey).export({ format: 'jwk' }), kid }] } };
	}
	if (certificate) {
		const parsed = new X509Certificate(certificate);
		const x5c = [parsed.raw.toString('base64')];
		const thumbprint = createHash('sha256').update(parsed.raw).digest('base64url');
		const jwk = { ...parsed.publicKey.export({ format: 'jwk' }), x5c, 'x5t#S256': thumbprint };
		return { jwks: { keys: [jwk] } };
	}
	return {};
}

function clientMetadata({ public_key, key_id, certificate, ...metadata }) {
	return {
		grant_types: ['client_credentials'],
		redirect_uris: [],
		response_types: [],
		...metadata,
		...clientKeys({ public_key, key_id, certificate }),
	};
}

function peerCertificate(ctx) {
	const { raw } = ctx.socket.getPeerCertificate?.() ?? {};

	return raw && new X509Certificate(raw);
}

function configuration({ clients, lifetime }) {
	return {
		clientAuthMethods: [
			'client_secret_basic', 'client_secret_post', 'private_key_jwt', 'tls_client_auth',
			'self_signed_tls_client_auth', 'none',
		],
		clients: clients.map(clientMetadata),
		clockTolerance: CLOCK_TOLERANCE_S,
		extraClientMetadata: { properties: ['default_resource'] },
		issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
		jwks: { keys: signingKeys() },
		pkce: { methods: ['S256'], required: (ctx, client) => client.clientAuthMethod === 'none' },
		rotateRefreshToken: true,
		scopes: [...SCOPES.split(' '), 'openid', 'offline_access'],
		ttl: {
			AccessToken: lifetime, ClientCredentials: lifetime,
			Grant: SESSION_S, RefreshToken: SESSION_S, Session: SESSION_S,
		},
		features: {
			clientCredentials: { enabled: true },
			devInteractions: { enabled: true },
			deviceFlow: { enabled: true },
			introspection: { enabled: true, allowedPolicy: () => true },
			mTLS: {
				enabled: true,
				selfSignedTlsClientAuth: true,
				tlsClientAuth: true,
				getCertificate: peerCertificate,
				certificateAuthorized: (ctx) => ctx.socket.authorized,
				certificateSubjectMatches: (ctx, property, expected) => (
					property === 'tls_client_auth_subject_dn'
					&& peerCertificate(ctx).subject === expected
				),
			},
			resourceIndicators: {
				enabled: true,
				// Some servers call it audience; ours takes both names for the same thing.
				defaultResource: (ctx, client) => ctx.oidc.body?.audience ?? client.default_resource,
				getResourceServerInfo,
				useGrantedResource: () => true,
			},
			revocation: { enabled: true },
		},
	};
}

/*
 * RFC 7522 as Genesys Cloud has it: the assertion is the base64 of a SAML response, in which the
 * assertion is signed, and orgName comes with it.
 */
async function registerSaml(provider, { certificate, audience }) {
	const { SAML } = await import('@node-saml/node-saml');
	const saml = new SAML({
		audience,
		callbackUrl: `${provider.issuer}/token`,
		idpCert: certificate,
		issuer: audience,
		wantAssertionsSigned: true,
		wantAuthnResponseSigned: false,
	});

	async function grant(ctx, next) {
		const { assertion, orgName } = ctx.oidc.params;
		let profile;

		if (!assertion || !orgName) {
			throw new errors.InvalidRequest('assertion and orgName have to be there');
		}
		try {
			({ profile } = await saml.validatePostResponseAsync({ SAMLResponse: assertion }));
		} catch (error) {
			throw new errors.InvalidGrant(error.message);
		}
		const token = new provider.AccessToken({
			accountId: profile.nameID,
			client: ctx.oidc.client,
			extra: { org: orgName },
			gty: 'saml2_bearer',
			scope: ctx.oidc.params.scope,
		});
		ctx.oidc.entity('AccessToken', token);
		ctx.body = {
			access_token: await token.save(),
			expires_in: token.expiration,
			token_type: token.tokenType,
		};
		await next();
	}

	provider.registerGrantType(SAML2_BEARER, grant, ['assertion', 'orgName', 'scope'], []);
}

const requests = [];

function authentication(ctx, params) {
	if (ctx.headers.authorization) {
		return 'basic';
	}
	if (params.client_assertion) {
		return 'private_key_jwt';
	}
	if (params.client_secret) {
		return 'post';
	}
	return peerCertificate(ctx) ? 'tls_client_auth' : 'none';
}

async function record(ctx, next) {
	if (ctx.path === '/_requests') {
		ctx.body = requests;
		return;
	}
	await next();
	if (ctx.path === '/token' && ctx.method === 'POST') {
		const params = ctx.oidc.body ?? {};

		requests.push({
			client_id: ctx.oidc.authorization.clientId,
			auth: authentication(ctx, params),
			grant_type: params.grant_type,
			sent: params.refresh_token ?? null,
			received: ctx.body?.refresh_token ?? null,
			error: ctx.body?.error ?? null,
			status: ctx.status,
			at: Date.now() / 1000,
		});
	}
}

const input = createInterface({ input: process.stdin });
input.on('close', () => process.exit());
const [line] = await once(input, 'line');
const setup = JSON.parse(line);

const server = setup.tls
	? createTlsServer({ ...setup.tls, requestCert: true, rejectUnauthorized: false })
	: createServer();
await once(server.listen(0, '127.0.0.1'), 'listening');
const { port } = server.address();
const issuer = setup.tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, configuration(setup));
if (setup.saml) {
	await registerSaml(provider, setup.saml);
}
provider.use(record);
provider.on('server_error', (ctx, error) => console.error(error));
server.on('request', provider.callback());
console.log(JSON.stringify({ issuer, pid: process.pid }));
