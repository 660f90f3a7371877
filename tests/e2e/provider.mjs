/*
 * A real authorization server on loopback: npm's oidc-provider with the grant client_credentials.
 * It knows nothing of gctokend.
 *
 * The first line of stdin is {"clients": [...], "lifetime": seconds}; a client has the metadata of
 * RFC 7591. When it serves, it prints {"issuer", "pid"} as one line. It ends when stdin does, so it
 * never outlives who started it. GET /_requests lists the token requests it has answered.
 */
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

import { Provider, errors } from 'oidc-provider';

// A JWT is for a resource: this is how the three kinds of access token are chosen.
const RESOURCE_SERVERS = {
	'https://rs256.example/': { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } },
	'https://es256.example/': { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } },
	'https://opaque.example/': { accessTokenFormat: 'opaque' },
};
const SCOPES = 'read write';

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

function configuration({ clients, lifetime }) {
	return {
		clients: clients.map((client) => ({
			grant_types: ['client_credentials'],
			redirect_uris: [],
			response_types: [],
			...client,
		})),
		jwks: { keys: signingKeys() },
		scopes: SCOPES.split(' '),
		ttl: { ClientCredentials: lifetime },
		features: {
			clientCredentials: { enabled: true },
			devInteractions: { enabled: false },
			introspection: { enabled: true, allowedPolicy: () => true },
			resourceIndicators: {
				enabled: true,
				// Some servers call it audience; ours takes both names for the same thing.
				defaultResource: (ctx) => ctx.oidc.body.audience,
				getResourceServerInfo,
			},
			revocation: { enabled: true },
		},
	};
}

const requests = [];

async function record(ctx, next) {
	if (ctx.path === '/_requests') {
		ctx.body = requests;
		return;
	}
	await next();
	if (ctx.path === '/token' && ctx.method === 'POST') {
		requests.push({
			client_id: ctx.oidc.authorization.clientId,
			auth: ctx.headers.authorization ? 'basic' : 'post',
			status: ctx.status,
			at: Date.now() / 1000,
		});
	}
}

const input = createInterface({ input: process.stdin });
input.on('close', () => process.exit());
const [line] = await once(input, 'line');

const server = createServer();
await once(server.listen(0, '127.0.0.1'), 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, configuration(JSON.parse(line)));
provider.use(record);
provider.on('server_error', (ctx, error) => console.error(error));
server.on('request', provider.callback());
console.log(JSON.stringify({ issuer, pid: process.pid }));
