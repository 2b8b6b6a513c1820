/**
 * The system's Chromium, for tests of pages. A machine without one skips them and says so; where `CI` or `HEAPWRIGHT_CI`
 * is set, to miss it is a failure.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const PLACES = [
  process.env.HEAPWRIGHT_CHROMIUM ?? '',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
const SCREENSHOTS = fileURLToPath(new URL('../../test-output/screenshots', import.meta.url))

/** Where it is; undefined when it is nowhere, which has been said then. */
export const CHROMIUM = PLACES.find((path) => path !== '' && existsSync(path))
/** Whether the tests that need it are left out. */
export const isWithoutBrowser = CHROMIUM === undefined && !process.env.CI && !process.env.HEAPWRIGHT_CI
if (isWithoutBrowser) {
  console.log('skipped: the tests of pages need Chromium, as /usr/bin/chromium or where HEAPWRIGHT_CHROMIUM says')
}

export async function launchBrowser(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error('there is no Chromium: apt-get install chromium')
  mkdirSync(SCREENSHOTS, { recursive: true })
  // Tests run in containers as root, where Chromium's own sandbox cannot.
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] })
}

/** A page, and what it did that it should not: words on the console, errors, requests to anybody else. */
export interface WatchedPage {
  readonly page: Page
  readonly complaints: string[]
  /** Every URL that was asked for. */
  readonly requests: string[]
}

export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options })
  const page = await context.newPage()
  const complaints: string[] = []
  const requests: string[] = []
  page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('request', (request) => requests.push(request.url()))
  return { page, complaints, requests }
}

/** Keep a picture of a page in test-output/screenshots. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true })
}
