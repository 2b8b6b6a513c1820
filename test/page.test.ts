/**
 * Goal: the live page as people see it: it draws, follows a heap, outlives it, stays quick, and asks nobody but its
 * server. Method: the system's Chromium, without a screen, on a page of `heap.serve()`; what the page shows is read back
 * as text and as pixels and held against what the test did to the heap. Pictures stay in test-output/screenshots.
 * A failure means that somebody would look at a page that is empty, stuck, wrong, or unreadable where they are.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Heap, type HeapServer, i32, ref, struct } from '../src/index.js'
import { isWithoutBrowser, keepScreenshot, launchBrowser, openPage } from './support/browser.js'

const BUILT = pathToFileURL(join(import.meta.dirname, '../dist/src/index.js')).href
const SOON = { timeout: 15_000 }

let browser: Browser
let directory = ''

beforeAll(async () => {
  if (isWithoutBrowser) return
  browser = await launchBrowser()
  directory = mkdtempSync(join(tmpdir(), 'heapwright-page-'))
})

afterAll(async () => {
  await browser?.close()
  if (directory !== '') rmSync(directory, { recursive: true })
})

const Node = struct('Node', { next: ref('Node'), value: i32 })

/** A heap with some of everything. */
function makeHeap(): Heap {
  const heap = Heap.create({ mode: 'vm', name: 'page', limit: '64MiB' })
  for (let i = 0; i < 3000; i++) heap.alloc(16 + (i % 700))
  for (const kib of [40, 90, 2048]) heap.alloc(kib * 1024)
  heap.pool({ size: 48, count: 2000 }).acquire()
  const scope = heap.scope()
  for (let i = 0; i < 2000; i++) heap.new(Node, { value: i })
  heap.collect()
  heap.collect()
  scope.close()
  return heap
}

/** The figure of a name in a card's list. */
async function factOf(page: Page, name: string): Promise<string> {
  const fact = page.locator('[data-part="facts"] div', { has: page.locator(`dt:text-is("${name}")`) })
  return (await fact.locator('dd').textContent()) ?? ''
}

/** The colours on a canvas, by how many pixels have them, most first. */
async function coloursOf(page: Page, canvas: string): Promise<[colour: string, pixels: number][]> {
  return page.locator(canvas).evaluate((element) => {
    const { width, height } = element as HTMLCanvasElement
    const context = (element as HTMLCanvasElement).getContext('2d')
    const data = context?.getImageData(0, 0, width, height).data ?? []
    const counts = new Map<string, number>()
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] === 0) continue
      const colour = `${data[at]},${data[at + 1]},${data[at + 2]}`
      counts.set(colour, (counts.get(colour) ?? 0) + 1)
    }
    return [...counts].sort((a, b) => b[1] - a[1])
  })
}

async function statusOf(page: Page): Promise<string> {
  return (await page.locator('#status').textContent()) ?? ''
}

async function withServer(heap: Heap, use: (server: HeapServer) => Promise<void>): Promise<void> {
  const server = await heap.serve({ everyMs: 100 })
  try {
    await use(server)
  } finally {
    await server.close()
  }
}

describe.skipIf(isWithoutBrowser)('the live page', () => {
  it('draws the heap and says what it is', async () => {
    const heap = makeHeap()
    await withServer(heap, async ({ url }) => {
      const { page, complaints, requests } = await openPage(browser)
      await page.goto(url)
      await expect.poll(() => statusOf(page), SOON).toBe('Live.')
      expect(await page.title()).toBe('page – Heapwright')
      expect(await factOf(page, 'blocks')).toBe('3,004')
      expect(await factOf(page, 'objects')).toBe('2,000')
      expect(await factOf(page, 'limit')).toBe('64 MiB')
      // Small blocks, long ones, objects, metadata, free memory: each with a colour, most in several shades.
      expect((await coloursOf(page, '#map')).length).toBeGreaterThan(5)
      // Lines and axes.
      expect((await coloursOf(page, '#timeline canvas')).length).toBeGreaterThan(3)
      await expect.poll(async () => (await coloursOf(page, '#pause-chart canvas')).length, SOON).toBeGreaterThan(3)
      expect(await page.locator('[data-part="types"] tbody tr').allTextContents()).toEqual(['Node2,00031.25 KiB'])
      expect(await page.locator('[data-part="classes"] tbody tr').count()).toBe(
        heap.stats().classes.filter(({ pages }) => pages > 0).length,
      )
      await keepScreenshot(page, 'live')
      expect(complaints).toEqual([])
      expect(requests.filter((request) => !request.startsWith(url))).toEqual([])
      await page.context().close()
    })
    heap.close()
  })

  it('follows the heap at once', async () => {
    const heap = makeHeap()
    await withServer(heap, async ({ url }) => {
      const { page, complaints } = await openPage(browser)
      await page.goto(url)
      await expect.poll(() => statusOf(page), SOON).toBe('Live.')
      const before = await page.locator('#map').getAttribute('aria-label')
      const beganMs = performance.now()
      const blocks = Array.from({ length: 5000 }, () => heap.alloc(1000))
      await expect.poll(() => factOf(page, 'blocks'), SOON).toBe('8,004')
      const tookMs = performance.now() - beganMs
      // A second or less; a machine that runs other tests beside may take longer.
      console.log(`an allocation is seen after ${tookMs.toFixed(0)} ms`)
      expect(tookMs).toBeLessThan(4000)
      await expect.poll(() => page.locator('#map').getAttribute('aria-label'), SOON).not.toBe(before)
      await expect.poll(() => page.locator('#readout').textContent(), SOON).toContain('8,004 blocks')
      for (const block of blocks) heap.free(block)
      await expect.poll(() => factOf(page, 'blocks'), SOON).toBe('3,004')
      heap.collect()
      await expect.poll(() => page.locator('[data-part="pauses"]').textContent(), SOON).toMatch(/^pauses3/)
      expect(complaints).toEqual([])
      await page.context().close()
    })
    heap.close()
  })

  it('shows tenants, with their limits and their colours', async () => {
    const heap = Heap.create({ name: 'parent', limit: '64MiB' })
    const guest = heap.tenant('<guest>', { max: '2MiB' })
    for (let i = 0; i < 500; i++) guest.alloc(1000)
    await withServer(heap, async ({ url }) => {
      const { page, complaints } = await openPage(browser)
      await page.goto(url)
      const row = page.locator('[data-part="tenants"] tbody tr')
      await expect.poll(() => row.locator('th').textContent(), SOON).toBe('<guest>')
      expect(await row.locator('td').nth(3).textContent()).toBe('2 MiB')
      const swatch = await row.locator('.swatch').evaluate((element) => getComputedStyle(element).backgroundColor)
      const colours = (await coloursOf(page, '#map')).map(([colour]) => `rgb(${colour.replaceAll(',', ', ')})`)
      expect(await page.locator('[data-part="legend"]').textContent()).toContain('tenant <guest>')
      expect(swatch).toMatch(/^rgb\(/)
      expect(colours.length).toBeGreaterThan(2)
      guest.free()
      await expect.poll(() => page.locator('[data-part="tenants"]').textContent(), SOON).toBe('No tenants.')
      expect(complaints).toEqual([])
      await page.context().close()
    })
    heap.close()
  })

  it('stands still while it is paused', async () => {
    const heap = makeHeap()
    await withServer(heap, async ({ url }) => {
      const { page } = await openPage(browser)
      await page.goto(url)
      await expect.poll(() => statusOf(page), SOON).toBe('Live.')
      await page.getByRole('button', { name: 'Pause' }).click()
      expect(await statusOf(page)).toContain('Paused')
      heap.alloc(100)
      await page.waitForTimeout(500)
      expect(await factOf(page, 'blocks')).toBe('3,004')
      await page.getByRole('button', { name: 'Resume' }).click()
      await expect.poll(() => factOf(page, 'blocks'), SOON).toBe('3,005')
      await page.context().close()
    })
    heap.close()
  })

  it('keeps the last picture when the heap is closed, and says so', async () => {
    const heap = makeHeap()
    await withServer(heap, async ({ url }) => {
      const { page, complaints } = await openPage(browser)
      await page.goto(url)
      await expect.poll(() => statusOf(page), SOON).toBe('Live.')
      heap.close()
      await expect.poll(() => statusOf(page), SOON).toMatch(/^The heap was closed at \d\d:\d\d:\d\d\./)
      expect(await factOf(page, 'blocks')).toBe('3,004')
      expect((await coloursOf(page, '#map')).length).toBeGreaterThan(5)
      await keepScreenshot(page, 'closed')
      // Whoever comes later sees the same.
      await page.reload()
      await expect.poll(() => statusOf(page), SOON).toMatch(/^The heap was closed/)
      expect(await factOf(page, 'blocks')).toBe('3,004')
      expect(complaints).toEqual([])
      await page.context().close()
    })
  })

  it('keeps it when the program ends, and follows the next one at the same place', async () => {
    const script = join(directory, 'program.mjs')
    writeFileSync(
      script,
      `import { Heap } from ${JSON.stringify(BUILT)}
       const heap = Heap.create({ name: process.argv[3] })
       for (let i = 0; i < 1234; i++) heap.alloc(100)
       const { url } = await heap.serve({ port: Number(process.argv[2]), keepAlive: true, everyMs: 100 })
       console.log(url)`,
    )
    const start = async (port: number, name: string) => {
      const child = spawn(process.execPath, [script, String(port), name], { stdio: ['ignore', 'pipe', 'inherit'] })
      const url = await new Promise<string>((resolve) =>
        child.stdout.once('data', (data) => resolve(String(data).trim())),
      )
      return { child, url }
    }
    const first = await start(0, 'first')
    const { page } = await openPage(browser)
    await page.goto(first.url)
    await expect.poll(() => statusOf(page), SOON).toBe('Live.')
    first.child.kill()
    await expect.poll(() => statusOf(page), SOON).toMatch(/^No answer: the program has ended/)
    expect(await factOf(page, 'blocks')).toBe('1,234')
    await keepScreenshot(page, 'ended')
    const second = await start(Number(new URL(first.url).port), 'second')
    await expect.poll(() => page.title(), SOON).toBe('second – Heapwright')
    await expect.poll(() => statusOf(page), SOON).toBe('Live.')
    second.child.kill()
    await page.context().close()
  })

  it('shows 100,000 blocks without freezing', async () => {
    const heap = Heap.create({ name: 'many', limit: '256MiB' })
    const blocks = Array.from({ length: 110_000 }, (_, i) => heap.alloc(16 + ((i * 37) % 500)))
    for (let i = 0; i < blocks.length; i += 11) heap.free(blocks[i] as number)
    await withServer(heap, async ({ url }) => {
      const { page } = await openPage(browser)
      await page.goto(url)
      await expect.poll(() => statusOf(page), SOON).toBe('Live.')
      // While updates arrive and every one of them changes something; a busy machine also makes an empty page wait.
      const busy = setInterval(() => heap.alloc(64), 20)
      const longestMs = await page.evaluate(longestFrameGap, 3000)
      clearInterval(busy)
      await expect.poll(() => page.locator('#readout').textContent(), SOON).toMatch(/^100,\d{3} blocks/)
      await page.goto('about:blank')
      const emptyMs = await page.evaluate(longestFrameGap, 1000)
      console.log(
        `longest time between two frames: ${longestMs.toFixed(0)} ms; of an empty page ${emptyMs.toFixed(0)} ms`,
      )
      expect(longestMs).toBeLessThan(Math.max(250, 4 * emptyMs))
      await page.goBack()
      await expect.poll(() => statusOf(page), SOON).toBe('Live.')
      await keepScreenshot(page, 'many')
      await page.context().close()
    })
    heap.close()
  })

  it('fits a phone in the dark', async () => {
    const heap = makeHeap()
    await withServer(heap, async ({ url }) => {
      const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }
      const { page, complaints } = await openPage(browser, { ...phone, colorScheme: 'dark' })
      await page.goto(url)
      await expect.poll(() => statusOf(page), SOON).toBe('Live.')
      const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
      expect(content).toBeLessThanOrEqual(window as number)
      const [background, text] = await page.evaluate(() => {
        const { backgroundColor, color } = getComputedStyle(document.body)
        return [backgroundColor, color].map((colour) => Number(/\d+/.exec(colour)?.[0]))
      })
      expect(background).toBeLessThan(50)
      expect(text).toBeGreaterThan(200)
      expect(complaints).toEqual([])
      await keepScreenshot(page, 'phone-dark')
      await page.context().close()
    })
    heap.close()
  })

  it('can be read and used without a mouse', async () => {
    const heap = makeHeap()
    await withServer(heap, async ({ url }) => {
      const { page } = await openPage(browser)
      await page.goto(url)
      await expect.poll(() => statusOf(page), SOON).toBe('Live.')
      const names = await page.getByRole('heading', { level: 2 }).allTextContents()
      expect(names).toEqual([
        'Memory',
        'Memory over time',
        'Heap map',
        'Pauses',
        'Tenants',
        'Types',
        'Size classes',
        'Free runs',
      ])
      for (const name of names) expect(await page.getByRole('region', { name, exact: true }).count()).toBeGreaterThan(0)
      expect(await page.getByRole('meter', { name: 'Pressure' }).getAttribute('aria-valuetext')).toMatch(/^low, /)
      expect(
        await page
          .locator('canvas:not([aria-label])')
          .evaluateAll((all) => all.filter((one) => !one.closest('[aria-label]')).length),
      ).toBe(0)
      // Every table has a head for each column, and every row a head of its own.
      expect(
        await page
          .locator('table:not(.u-legend)')
          .evaluateAll((all) => all.filter((table) => !table.querySelector('th[scope=col]')).length),
      ).toBe(0)
      await page.locator('#map').focus()
      await page.keyboard.press('ArrowRight')
      expect(await page.locator('#readout').textContent()).toMatch(/^0x00000000 \+ .*metadata/)
      await page.keyboard.press('ArrowDown')
      expect(await page.locator('#readout').textContent()).not.toMatch(/^0x00000000/)
      await page.keyboard.press('Tab')
      expect(await page.locator('#readout').textContent()).toMatch(/^3,004 blocks and 2,000 objects in 4 MiB/)
      await page.context().close()
    })
    heap.close()
  })

  it('does what its buttons say where commands are allowed', async () => {
    const heap = makeHeap()
    const server = await heap.serve({ everyMs: 100, allowCommands: true })
    const { page, complaints } = await openPage(browser)
    await page.goto(server.url)
    await page.getByRole('button', { name: 'Collect' }).click()
    await expect.poll(() => page.locator('#done').textContent(), SOON).toMatch(/^collect: freedBytes /)
    expect(heap.stats().collections).toBe(3)
    await page.getByRole('button', { name: 'Trim' }).click()
    await expect.poll(() => page.locator('#done').textContent(), SOON).toMatch(/^trim: .*releasedBytes /)
    expect(complaints).toEqual([])
    await page.context().close()
    await server.close()
    heap.close()
  })
})

/** Runs in the page. */
function longestFrameGap(forMs: number): Promise<number> {
  return new Promise((resolve) => {
    const beganMs = performance.now()
    let lastMs = beganMs
    let longest = 0
    const onFrame = () => {
      const nowMs = performance.now()
      longest = Math.max(longest, nowMs - lastMs)
      lastMs = nowMs
      if (nowMs - beganMs < forMs) requestAnimationFrame(onFrame)
      else resolve(longest)
    }
    requestAnimationFrame(onFrame)
  })
}

describe.skipIf(isWithoutBrowser)('the saved report', () => {
  it('opens from a file, with everything and no request', async () => {
    const heap = makeHeap()
    const file = join(directory, 'report.html')
    writeFileSync(file, await heap.reportHtml())
    heap.close()
    const { page, complaints, requests } = await openPage(browser)
    const url = pathToFileURL(file).href
    await page.goto(url)
    await page.waitForTimeout(300)
    expect(await statusOf(page)).toBe('A report: it does not change.')
    expect(await factOf(page, 'blocks')).toBe('3,004')
    expect((await coloursOf(page, '#map')).length).toBeGreaterThan(5)
    expect((await coloursOf(page, '#pause-chart canvas')).length).toBeGreaterThan(3)
    expect(await page.locator('button').count()).toBe(0)
    expect(requests).toEqual([url])
    expect(complaints).toEqual([])
    await keepScreenshot(page, 'report')
    await page.context().close()
  })

  it('says in words that nobody watched, and draws where somebody did', async () => {
    const heap = makeHeap()
    const { page, complaints } = await openPage(browser)
    const show = async (text: string) => {
      const file = join(directory, 'watched.html')
      writeFileSync(file, text)
      await page.goto(pathToFileURL(file).href)
      await expect.poll(() => page.locator('#pause-chart canvas').count(), SOON).toBe(1)
      return page.locator('section[aria-labelledby="time"]')
    }
    const alone = await show(await heap.reportHtml())
    expect(await alone.textContent()).toContain('Nobody watched this heap before the report was made')
    expect(await page.locator('#timeline').count()).toBe(0)
    await withServer(heap, async ({ url }) => {
      const state = async () => (await (await fetch(`${url}state.json`)).json()) as { history: { atMs: number[] } }
      await expect.poll(async () => (await state()).history.atMs.length, SOON).toBeGreaterThan(1)
      const watched = await show(await (await fetch(`${url}report.html`)).text())
      expect(await watched.textContent()).not.toContain('Nobody watched')
      expect((await coloursOf(page, '#timeline canvas')).length).toBeGreaterThan(3)
    })
    expect(complaints).toEqual([])
    await page.context().close()
    heap.close()
  })

  it('shows all figures of tenants on a phone, without a scrollbar of their own', async () => {
    const heap = Heap.create({ name: 'parent', limit: '64MiB' })
    for (let i = 0; i < 12; i++) heap.tenant(`guest ${i}`, { max: '2MiB', high: '1MiB' }).alloc(1000 + i)
    const file = join(directory, 'phone.html')
    writeFileSync(file, await heap.reportHtml())
    heap.close()
    const { page, complaints } = await openPage(browser, { viewport: { width: 390, height: 844 } })
    await page.goto(pathToFileURL(file).href)
    const region = page.locator('[data-part="tenants"] .scroll')
    const cells = region.locator('tbody tr').first().locator('td')
    await expect.poll(() => cells.count(), SOON).toBe(10)
    const [width, whole, height, tall] = await region.evaluate((box) => [
      box.clientWidth,
      box.scrollWidth,
      box.clientHeight,
      box.scrollHeight,
    ])
    expect([whole, tall]).toEqual([width, height])
    for (const cell of await cells.all()) {
      const box = await cell.boundingBox()
      expect((box?.x ?? 0) + (box?.width ?? 999)).toBeLessThanOrEqual(390)
    }
    const heads = await cells.evaluateAll((all) => all.map((cell) => getComputedStyle(cell, '::before').content))
    expect(heads).toEqual(
      ['Held', 'Used', 'Peak', 'Max', 'High', 'Low', 'Min', 'Blocks', 'Events', 'Pressure'].map((head) => `"${head}"`),
    )
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
    expect(complaints).toEqual([])
    await keepScreenshot(page, 'tenants-phone')
    await page.context().close()
  })
})
