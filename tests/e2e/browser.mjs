/*
 * Headless Chromium with several users' browsers, each with cookies of its own, steered by lines of
 * JSON. It knows nothing of gctokend.
 *
 * The argument is Chromium's executable. A line on stdin is {"do", "tab", ...}, and is answered by
 * one line: {"url", "text", "overflow", "errors"} of the tab once it has loaded ("errors": what its console has
 * told since the last answer), {} or {"error"}. What can be done:
 *   open        a browser with a tab of that name; with "in": a tab in the browser of another tab
 *   go          to "url"
 *   submit      fill in "fields" by their names, and press the button
 *   click       the link that says "text"
 *   wait        until the page says "text"
 *   catch       click or submit as "then" says, but stop before "at": its address is the answer's url
 *   look        a screenshot to the file "path", in a window "width" pixels wide, of a user who likes
 *               "colors" (light or dark); the answer's "overflow": the pixels that are outside it
 *   close       the tab's browser
 * It ends when stdin does.
 */
import { createInterface } from 'node:readline';

import { chromium } from 'playwright-core';

const TIMEOUT_MS = 30000;
const HEIGHT = 600; // of a window, in pixels

const browser = await chromium.launch({
	executablePath: process.argv[2],
	// Nothing leaves this machine: pages ask for fonts from elsewhere.
	args: ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'],
});
const tabs = new Map();

async function open({ tab, in: beside }) {
	const context = beside ? tabs.get(beside).page.context() : await browser.newContext();
	const page = await context.newPage();
	const errors = [];

	page.setDefaultTimeout(TIMEOUT_MS);
	page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
	page.on('pageerror', (error) => errors.push(String(error)));
	tabs.set(tab, { page, errors });
}

const actions = {
	go: (page, { url }) => page.goto(url),
	submit: async (page, { fields = {} }) => {
		for (const [name, value] of Object.entries(fields)) {
			await page.locator(`[name="${name}"]`).fill(value);
		}
		await Promise.all([page.waitForNavigation(), page.locator('[type=submit]').click()]);
	},
	click: (page, { text }) => Promise.all([
		page.waitForNavigation(),
		page.getByRole('link', { name: text }).click(),
	]),
	wait: (page, { text }) => page.getByText(text).waitFor(),
	look: async (page, { path, width, colors }) => {
		await page.setViewportSize({ width, height: HEIGHT });
		await page.emulateMedia({ colorScheme: colors });
		await page.screenshot({ path });
	},
};

/* By the DevTools protocol, since page.route() does not see where a redirect goes. */
async function intercept(page, { at, then }) {
	const session = await page.context().newCDPSession(page);
	const caught = new Promise((resolve) => {
		session.on('Fetch.requestPaused', async ({ requestId, request }) => {
			await session.send('Fetch.failRequest', { requestId, errorReason: 'Aborted' });
			resolve(request.url);
		});
	});

	await session.send('Fetch.enable', { patterns: [{ urlPattern: `${at}*` }] });
	const done = actions[then.do](page, then).catch(() => {});
	const url = await caught;
	await done;
	await session.detach();
	return { url };
}

async function act(command) {
	if (command.do === 'open') {
		await open(command);
		return {};
	}
	const { page, errors } = tabs.get(command.tab);
	if (command.do === 'close') {
		await page.context().close();
		return {};
	}
	if (command.do === 'catch') {
		return intercept(page, command);
	}
	await actions[command.do](page, command);
	await page.waitForLoadState();
	return {
		url: page.url(),
		text: await page.locator('body').innerText(),
		overflow: await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
		errors: errors.splice(0),
	};
}

for await (const line of createInterface({ input: process.stdin })) {
	const answer = await act(JSON.parse(line)).catch((error) => ({ error: String(error) }));
	console.log(JSON.stringify(answer));
}
await browser.close();
