// The console in Chromium, as people use it. Settings come as JSON on the command line; what was found goes to standard output as JSON: an entry
// for each look at a page with what axe has against it, what the browser complained of, and how far the page is wider than the window.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const { origin, program, person, key, disposable, pictures, certificate } = JSON.parse(process.argv[2]);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SIZES = { wide: { width: 1280, height: 860 }, phone: { width: 390, height: 844 } };
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const looks = [];
const story = {};

const browser = await chromium.launch({
  executablePath: program,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

// What a page of the console complains of; those of the identity provider are its own.
function listen(page, complaints) {
  const isOurs = (place) => !place || place.startsWith(origin);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && isOurs(message.location().url)) complaints.push(message.text());
  });
  page.on("pageerror", (fault) => complaints.push(String(fault)));
  page.on("requestfailed", (request) => {
    const why = request.failure()?.errorText;
    if (isOurs(request.url()) && why !== "net::ERR_ABORTED") complaints.push(`${request.url()}: ${why}`); // aborted: the page was left
  });
}

async function open(name, options) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  const page = await context.newPage();
  const complaints = [];
  listen(page, complaints);
  return { name, page, context, complaints };
}

async function signIn(page) {
  await page.goto(`${origin}/sign-in`);
  await page.getByRole("link", { name: "Sign in with the identity provider" }).click();
  await page.locator('input[name="login"]').fill(person);
  await page.locator('input[name="password"]').fill("anything");
  await page.locator('button[type="submit"]').click();
  await page.locator('button[type="submit"]').click();
  await page.waitForURL(`${origin}/**`);
}

// Look at the page that is open now.
async function look(window, what, picture) {
  const { page, complaints, name } = window;
  await page.evaluate(axe);
  const { violations } = await page.evaluate((rules) => globalThis.axe.run(document, { runOnly: rules }), RULES);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  looks.push({
    window: name,
    page: what,
    axe: violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(" ")).join(", ")}`),
    complaints: complaints.splice(0),
    wider,
  });
  if (picture && pictures) await page.screenshot({ path: `${pictures}/console-${picture}-${name}.png` });
}

// Every page in both colours and sizes.
const PAGES = [
  ["regions", "/"],
  ["keys", "/keys"],
  ["key", `/keys/${key}`],
  ["deletions", "/deletions"],
  ["key-stores", "/key-stores"],
  ["audit", "/audit"],
  ["decisions", `/decisions?key_id=${key}`],
  ["playground", `/playground?key=${key}`],
  ["change", `/keys/${key}/schedule-deletion`],
  ["search", "/keys?q=shop"],
  ["refusal", "/keys/nothing"],
];
const PICTURED = ["regions", "key", "audit", "decisions", "tried"];
for (const colorScheme of ["light", "dark"]) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    const window = await open(`${colorScheme}-${size}`, { colorScheme, viewport });
    await window.page.goto(`${origin}/sign-in`);
    await look(window, "sign-in");
    await signIn(window.page);
    for (const [what, path] of PAGES) {
      await window.page.goto(`${origin}${path}`);
      await window.page.waitForLoadState("networkidle");
      if (what === "refusal") window.complaints.splice(0); // the browser notes the status of the page itself
      await look(window, what, PICTURED.includes(what) ? what : "");
    }
    await window.page.goto(`${origin}/decisions?key_id=${key}&effect=denied`);
    await window.page.getByRole("link", { name: "Encrypt" }).first().click();
    await window.page.waitForURL("**/decisions/**");
    await look(window, "decision", "decision");
    await window.page.goto(`${origin}/playground?key=${key}`);
    await window.page.locator("#policies").fill((await window.page.locator("#policies").inputValue()).replace('KMS::Action::"Read"', 'KMS::Action::"Raed"'));
    await window.page.getByRole("button", { name: "Try" }).click();
    await window.page.getByRole("heading", { name: "The edited policies cannot be used" }).waitFor();
    await look(window, "faults");
    await window.page.locator("#policies").fill("");
    await window.page.getByRole("button", { name: "Try" }).click();
    await window.page.getByRole("heading", { name: "Calls of the last day" }).waitFor();
    await look(window, "tried", "tried");
    await window.context.close();
  }
}

// By keyboard alone: sign in is done, then every step is a key.
{
  const window = await open("keyboard", { viewport: SIZES.wide });
  const { page } = window;
  await signIn(page);
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.id || "");
  const tabTo = async (text) => {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press("Tab");
      if ((await focused()) === text) return presses + 1;
    }
    throw new Error(`the keyboard does not reach ${text}`);
  };
  await page.keyboard.press("Tab");
  story.first = await focused();
  await tabTo("Keys");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/keys");
  await tabTo("q");
  await page.keyboard.type("alias/sho");
  await page.waitForURL("**/keys?q=alias%2Fsho");
  await page.waitForFunction(() => document.querySelectorAll("#found tbody tr").length === 1);
  story.told = (await page.getByRole("status").textContent()).trim();
  story.found = await page.locator("#found tbody th a").allTextContents();
  await page.goto(`${origin}/keys/${disposable}`);
  await tabTo("Disable");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/disable");
  await tabTo("typed");
  story.outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  await page.keyboard.type(disposable);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/keys/**?done=*");
  story.done = (await page.getByRole("status").textContent()).trim();
  story.state = (await page.locator(".state").first().textContent()).trim();
  await look(window, "changed");
  await tabTo("Sign out");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/sign-in");
  await page.goto(`${origin}/keys`);
  story.signedOut = new URL(page.url()).pathname;
  await window.context.close();
}

// With a certificate and without script.
{
  const shown = [{ origin, certPath: certificate, keyPath: certificate.replace(/crt$/, "key") }];
  const window = await open("certificate", { javaScriptEnabled: false, clientCertificates: shown });
  const { page } = window;
  await page.goto(`${origin}/keys`);
  await page.locator("#q").fill("shop");
  await page.getByRole("button", { name: "Search" }).click();
  await page.waitForURL("**/keys?q=shop");
  story.withoutScript = await page.locator("#found tbody th a").allTextContents();
  await page.goto(`${origin}/keys/${key}`);
  await page.getByRole("link", { name: "Calls on this key" }).click();
  await page.getByLabel("Answer").selectOption("denied");
  await page.getByRole("button", { name: "Find" }).click();
  await page.waitForURL("**/decisions?**effect=denied**");
  story.deniedWithoutScript = await page.locator("tbody th a").allTextContents();
  story.complaintsWithoutScript = window.complaints;
  await window.context.close();
}

await browser.close();
console.log(JSON.stringify({ looks, story }));
