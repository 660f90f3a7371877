/*
 * Programs with the Genesys Cloud JavaScript SDK (npm's purecloud-platform-client-v2), as its users
 * write them. They know of gctokend only its socket.
 *
 *     node sdk.mjs COMMAND <SETUP
 *
 * SETUP is one JSON object, and what they print is another.
 *   logins  {"gateway", "logins": [{"grant", …}]}
 *           signs in by one of the SDK's grants after the other; prints {"accessTokens"}
 *   configs {"paths"}    what the SDK makes of configuration files; prints {"configs"}
 *   calls   {"gateway", "expiries", "workers", "seconds", "profile", …}
 *           calls the API over and over until that many tokens have been replaced, or the time is
 *           over. With "socket" the token comes from gctokend before each call; without it the SDK
 *           signs in by a code and refreshes by itself. Prints what became of the calls; one that was
 *           refused after more than "minValidity" seconds is late, not failed.
 */
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';

import platformClient from 'purecloud-platform-client-v2';

const client = platformClient.ApiClient.instance;

const grants = {
	client_credentials: ({ id, secret }) => client.loginClientCredentialsGrant(id, secret),
	saml2_bearer: ({ id, secret, org, assertion }) => (
		client.loginSaml2BearerGrant(id, secret, org, assertion)),
	authorization_code: ({ id, secret, code, redirectUri }) => (
		client.loginCodeAuthorizationGrant(id, secret, code, redirectUri)),
	pkce: ({ id, verifier, code, redirectUri }) => (
		client.authorizePKCEGrant(id, verifier, code, redirectUri)),
	refresh_token: ({ id, secret, refreshToken }) => (
		client.refreshCodeAuthorizationGrant(id, secret, refreshToken)),
};

async function logins({ gateway, logins: list }) {
	const accessTokens = [];

	client.setGateway(gateway);
	for (const { grant, ...setup } of list) {
		// One at a time: their order is how the requests are told apart.
		accessTokens.push((await grants[grant](setup)).accessToken);
	}
	return { accessTokens };
}

function config(path) {
	const { config: read } = client;

	// As if it were read at the start.
	Object.assign(read, { host: undefined, refresh_access_token: true, refresh_token_wait_max: 10 });
	read.setConfigPath(path);
	return {
		loginUrl: read.getConfUrl('login', read.authUrl),
		apiUrl: read.getConfUrl('api', read.basePath),
		refreshAccessToken: read.refresh_access_token,
		refreshTokenWaitMax: read.refresh_token_wait_max,
		logLevel: read.logger.log_level,
		logFormat: read.logger.log_format,
		logToConsole: read.logger.log_to_console,
	};
}

const configs = ({ paths }) => ({ configs: paths.map(config) });

// Asks gctokend over one connection; answers come by their referenceId.
function gctokend(path) {
	const socket = createConnection(path);
	const waiting = new Map();
	let last = 0;

	createInterface({ input: socket }).on('line', (line) => {
		const { referenceId, data, errorMessage } = JSON.parse(line);
		const { resolve, reject } = waiting.get(referenceId);

		waiting.delete(referenceId);
		if (data) {
			resolve(data);
		} else {
			reject(new Error(errorMessage));
		}
	});
	return {
		getJwtToken: (parameters) => new Promise((resolve, reject) => {
			last += 1;
			waiting.set(last, { resolve, reject });
			socket.write(`${JSON.stringify(
				{ request: 'auth.getJwtToken', referenceId: last, parameters })}\n`);
		}),
		end: () => socket.end(),
	};
}

function percentile(sorted, part) {
	return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? null;
}

async function calls({ gateway, expiries, workers, seconds, socket, profile, minValidity, ...setup }) {
	const api = new platformClient.TokensApi();
	const broker = socket && gctokend(socket);
	const tokens = new Set();
	const durations = [];
	const failures = {};
	const deadline = Date.now() + seconds * 1000;
	let late = 0;
	let inFlight = 0;
	let mostInFlight = 0;

	client.setGateway(gateway);
	if (!broker) {
		await grants.authorization_code(setup);
	}

	async function call() {
		if (broker) {
			client.setAccessToken((await broker.getJwtToken({ profile, minValidity })).jwtToken);
		}
		tokens.add(client.authentications['PureCloud OAuth'].accessToken);
		await api.getTokensMe();
	}

	async function work() {
		while (tokens.size <= expiries && Date.now() < deadline) {
			const begun = Date.now();
			const took = () => Date.now() - begun;

			inFlight += 1;
			mostInFlight = Math.max(mostInFlight, inFlight);
			try {
				await call();
			} catch (error) {
				const name = `${error?.status ?? ''} ${error?.code ?? error?.message ?? 'nothing'}`.trim();

				if (error?.status === 401 && took() > minValidity * 1000) {
					late += 1; // the token lived as long as was asked for; the call took longer
				} else {
					failures[name] = (failures[name] ?? 0) + 1;
				}
			} finally {
				inFlight -= 1;
				durations.push(took());
			}
		}
	}

	await Promise.all(Array.from({ length: workers }, work));
	broker?.end();
	durations.sort((a, b) => a - b);
	return {
		calls: durations.length,
		failed: Object.values(failures).reduce((sum, count) => sum + count, 0),
		failures,
		late,
		tokens: tokens.size,
		mostInFlight,
		medianMs: percentile(durations, 0.5),
		p99Ms: percentile(durations, 0.99),
		longestMs: percentile(durations, 1),
	};
}

const commands = { logins, configs, calls };
const setup = JSON.parse(readFileSync(0, 'utf8'));

// What the SDK logs goes to the console too; only the answer is for stdout.
client.config.logger.log_to_console = false;
console.log(JSON.stringify(await commands[process.argv[2]](setup)));
process.exit();
