/**
 * Goal: pages of a memory can be given back, mapped and protected, and look the same on both systems.
 * Method: one suite for the portable pages and those of this system; a copy of the memory's bytes in plain JavaScript
 * says what must be there, and a guest says what WebAssembly may do. Faked C libraries show what is refused.
 * Random runs print their seed: HEAPWRIGHT_SEED=<seed> npx vitest run --project all test/pages.test.ts
 * A failure means: contents change that must not, pages do not go away, or a system that refuses is taken for good.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ArgumentError, Heap, type PageSystem, PlatformError } from '../src/index.js'
import { checkPageSystem, pageSystem } from '../src/platform/pages.js'
import { portablePages } from '../src/platform/pages-portable.js'
import { loadPosixPages } from '../src/platform/pages-posix.js'
import { guestOver, pageSystems, posixPages } from './support/page-systems.js'
import { random } from './support/random.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() % 2 ** 31)
console.info(`HEAPWRIGHT_SEED=${SEED}`)

const WASM_PAGE = 65536
const directory = mkdtempSync(join(tmpdir(), 'pages-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function memoryOf(pages: number, maximum = pages): WebAssembly.Memory {
  const memory = new WebAssembly.Memory({ initial: pages, maximum })
  new Uint8Array(memory.buffer).forEach((_, at, bytes) => {
    bytes[at] = at % 251
  })
  return memory
}

/** A file of so many bytes, its name and its contents. */
function fileOf(name: string, bytes: number): { path: string; contents: Uint8Array } {
  const path = join(directory, name)
  const contents = Uint8Array.from({ length: bytes }, (_, at) => (at % 253) + 1)
  writeFileSync(path, contents)
  return { path, contents }
}

function withFile<T>(path: string, flags: 'r' | 'r+', use: (fd: number) => T): T {
  const fd = openSync(path, flags)
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}

describe.each(pageSystems)('pages, %s', (kind, pages) => {
  const isPosix = kind === 'posix'
  const page = pages.pageBytes

  it('says what it is', () => {
    expect(pages.kind).toBe(kind)
    expect([4096, 16384, 65536]).toContain(page)
    expect(pages.reason === undefined).toBe(isPosix)
    expect(pages.can.decommit).toBe(isPosix)
  })

  it('gives back pages, which are zero then, and nothing around them', () => {
    const memory = memoryOf(3)
    const before = new Uint8Array(memory.buffer).slice()
    expect(pages.decommit(memory, WASM_PAGE, page)).toBe(isPosix)
    before.fill(0, WASM_PAGE, WASM_PAGE + page)
    expect(Buffer.compare(new Uint8Array(memory.buffer), before)).toBe(0)
    expect(guestOver(memory).load(WASM_PAGE)).toBe(0)
    guestOver(memory).store(WASM_PAGE, 7)
    expect(new Uint8Array(memory.buffer)[WASM_PAGE]).toBe(7)
  })

  it('keeps what it did when the memory grows', () => {
    const memory = memoryOf(2, 4)
    pages.decommit(memory, 0, WASM_PAGE)
    memory.grow(2)
    const bytes = new Uint8Array(memory.buffer)
    expect(bytes.subarray(0, WASM_PAGE).every((byte) => byte === 0)).toBe(true)
    expect(bytes[WASM_PAGE + 5]).toBe((WASM_PAGE + 5) % 251)
  })

  it('takes access away from WebAssembly, and gives it again', () => {
    const memory = memoryOf(2)
    const guest = guestOver(memory)
    expect(pages.protect(memory, WASM_PAGE, page, 'read')).toBe(pages.can.protect)
    expect(guest.load(WASM_PAGE)).toBe(WASM_PAGE % 251)
    if (pages.can.protect) expect(() => guest.store(WASM_PAGE, 1)).toThrow(WebAssembly.RuntimeError)
    guest.store(WASM_PAGE - 1, 1)
    pages.protect(memory, WASM_PAGE, page, 'none')
    if (pages.can.protect) expect(() => guest.load(WASM_PAGE)).toThrow(WebAssembly.RuntimeError)
    pages.protect(memory, WASM_PAGE, page, 'readWrite')
    guest.store(WASM_PAGE, 9)
    expect(guest.load(WASM_PAGE)).toBe(9)
  })

  it('maps a file for reading, privately, also over a growth of the memory', () => {
    const { path, contents } = fileOf('read', 2 * WASM_PAGE)
    for (const access of ['read', 'private'] as const) {
      const memory = memoryOf(2, 3)
      withFile(path, 'r', (fd) => pages.map(memory, WASM_PAGE, WASM_PAGE, { fd, offsetBytes: page, access }))
      memory.grow(1)
      const seen = new Uint8Array(memory.buffer, WASM_PAGE, WASM_PAGE)
      expect(Buffer.compare(seen, contents.subarray(page, page + WASM_PAGE))).toBe(0)
      expect(new Uint8Array(memory.buffer)[WASM_PAGE - 1]).toBe((WASM_PAGE - 1) % 251)
      if (access === 'private') guestOver(memory).store(WASM_PAGE, 0)
      pages.unmap(memory, WASM_PAGE, WASM_PAGE)
      expect(seen.every((byte) => byte === 0)).toBe(true)
      guestOver(memory).store(WASM_PAGE, 3)
      expect(Buffer.compare(readFileSync(path), contents)).toBe(0)
    }
  })

  it('writes through what was stored to a shared file, and makes it no longer', () => {
    const { path, contents } = fileOf('shared', page + 100)
    const memory = memoryOf(2)
    withFile(path, 'r+', (fd) => {
      const file = { fd, offsetBytes: 0, access: 'shared' } as const
      pages.map(memory, 0, 2 * page, file)
      expect(new Uint8Array(memory.buffer, page + 100, page - 100).every((byte) => byte === 0)).toBe(true)
      guestOver(memory).store(page + 7, 99)
      pages.flush(memory, 0, 2 * page, file)
      contents[page + 7] = 99
      expect(Buffer.compare(readFileSync(path), contents)).toBe(0)
      pages.unmap(memory, 0, 2 * page)
    })
    expect(Buffer.compare(readFileSync(path), contents)).toBe(0)
  })

  it('does not write what is not shared', () => {
    const { path, contents } = fileOf('private', page)
    const memory = memoryOf(1)
    withFile(path, 'r+', (fd) => {
      const file = { fd, offsetBytes: 0, access: 'private' } as const
      pages.map(memory, 0, page, file)
      guestOver(memory).store(0, 200)
      pages.flush(memory, 0, page, file)
      pages.unmap(memory, 0, page)
    })
    expect(Buffer.compare(readFileSync(path), contents)).toBe(0)
  })

  it('refuses a file that is not open, and leaves the range as it was', () => {
    const memory = memoryOf(1)
    const before = new Uint8Array(memory.buffer).slice()
    const { path } = fileOf('closed', page)
    const fd = withFile(path, 'r', (open) => open)
    const mapping = () => pages.map(memory, 0, page, { fd, offsetBytes: 0, access: 'private' })
    expect(mapping).toThrow(PlatformError)
    expect(mapping).toThrow(/of \d+ bytes at 0x0 failed: EBADF/)
    expect(Buffer.compare(new Uint8Array(memory.buffer), before)).toBe(0)
  })

  it('tells residency, or that it cannot', () => {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: 16 })
    const resident = () => pages.residentBytes(memory, 0, 16 * WASM_PAGE)
    if (!pages.can.residency) {
      expect(resident()).toBeUndefined()
      return
    }
    pages.advise(memory, 0, 16 * WASM_PAGE, { hugePages: false })
    expect(resident()).toBe(0)
    new Uint8Array(memory.buffer, 0, 4 * WASM_PAGE).fill(1)
    expect(resident()).toBe(4 * WASM_PAGE)
    pages.decommit(memory, WASM_PAGE, WASM_PAGE)
    expect(resident()).toBe(3 * WASM_PAGE)
  })

  it('takes hints, or says no', () => {
    const memory = memoryOf(64)
    const all = 64 * WASM_PAGE
    expect(pages.advise(memory, 0, all, {})).toEqual({})
    expect(pages.advise(memory, 0, all, { hugePages: true })).toEqual({ hugePages: pages.can.hugePages })
    expect(pages.advise(memory, 0, all, { hugePages: false })).toEqual({ hugePages: pages.can.hugePages })
    expect(pages.advise(memory, 0, all, { numaNode: 0 })).toEqual({ numaNode: pages.can.numa })
    // No machine has so many nodes.
    expect(pages.advise(memory, 0, all, { numaNode: 1023 })).toEqual({ numaNode: false })
    expect(guestOver(memory).load(77)).toBe(77)
  })

  it('has nothing to do for no bytes', () => {
    const memory = memoryOf(1)
    for (const at of [0, WASM_PAGE]) {
      expect(pages.decommit(memory, at, 0)).toBe(isPosix)
      pages.protect(memory, at, 0, 'none')
      pages.unmap(memory, at, 0)
      expect(pages.residentBytes(memory, at, 0)).toBe(pages.can.residency ? 0 : undefined)
      expect(pages.advise(memory, at, 0, { hugePages: true })).toEqual({ hugePages: pages.can.hugePages })
    }
    expect(guestOver(memory).load(9)).toBe(9)
  })

  it('refuses ranges that are not of whole pages within the memory', () => {
    const memory = memoryOf(1)
    const before = new Uint8Array(memory.buffer).slice()
    const bad = [
      ...[1, -page, 0.5, Number.NaN, WASM_PAGE + page, 2 ** 40].map((address) => [address, page] as const),
      ...[1, -page, page + 16, Number.NaN, WASM_PAGE + page].map((bytes) => [0, bytes] as const),
      [WASM_PAGE, page] as const,
    ]
    const file = { fd: 0, offsetBytes: 0, access: 'shared' } as const
    for (const [address, bytes] of bad) {
      expect(() => pages.decommit(memory, address, bytes)).toThrow(ArgumentError)
      expect(() => pages.protect(memory, address, bytes, 'none')).toThrow(ArgumentError)
      expect(() => pages.map(memory, address, bytes, file)).toThrow(ArgumentError)
      expect(() => pages.flush(memory, address, bytes, file)).toThrow(ArgumentError)
      expect(() => pages.unmap(memory, address, bytes)).toThrow(ArgumentError)
      expect(() => pages.residentBytes(memory, address, bytes)).toThrow(ArgumentError)
      expect(() => pages.advise(memory, address, bytes, {})).toThrow(ArgumentError)
    }
    expect(() => pages.map(memory, 0, page, { ...file, offsetBytes: 1 })).toThrow(ArgumentError)
    expect(Buffer.compare(new Uint8Array(memory.buffer), before)).toBe(0)
  })

  it('refuses memories that threads share', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })
    expect(() => pages.decommit(memory, 0, page)).toThrow(/not shared between threads/)
  })

  it('does as a model does, whatever is called', () => {
    const below = random(SEED)
    const { path, contents } = fileOf(`random-${kind}`, WASM_PAGE)
    const memory = memoryOf(2, 40)
    let model = new Uint8Array(memory.buffer).slice()
    for (let step = 0; step < 60; step++) {
      const last = model.length / page
      const address = below(last) * page
      const bytes = Math.min(below(last + 1 - address / page), WASM_PAGE / page) * page
      const chance = below(5)
      if (chance === 0) pages.decommit(memory, address, bytes)
      if (chance === 1) pages.unmap(memory, address, bytes)
      if (chance <= 1) model.fill(0, address, address + bytes)
      if (chance === 2) {
        withFile(path, 'r', (fd) => pages.map(memory, address, bytes, { fd, offsetBytes: 0, access: 'private' }))
        model.set(contents.subarray(0, bytes), address)
      }
      if (chance === 3 && memory.grow(below(2)) > 0) {
        const grown = new Uint8Array(memory.buffer.byteLength)
        grown.set(model)
        model = grown
      }
      if (chance === 4) {
        guestOver(memory).store(address, step)
        model[address] = step
      }
      expect(Buffer.compare(new Uint8Array(memory.buffer), model)).toBe(0)
      // What was mapped for reading must not be given back as if it were the memory's own.
      if (chance === 2) {
        pages.unmap(memory, address, bytes)
        model.fill(0, address, address + bytes)
      }
    }
  })
})

describe('the choice of a page system', () => {
  const surroundings = (koffi: unknown, platform = 'linux') => ({
    process: {
      platform,
      arch: 'x64',
      getBuiltinModule: () => ({
        createRequire: () => () => {
          if (koffi instanceof Error) throw koffi
          return koffi
        },
      }),
    },
  })
  /** koffi with a C library whose functions answer as given, and succeed else. */
  const fake = (answers: Readonly<Record<string, number>>) => ({
    load: () => ({
      func: (definition: string) => {
        const name = /(\w+)\(/.exec(definition)?.[1] as string
        if (name === 'getpagesize') return () => answers[name] ?? 4096
        return (range: Uint8Array, bytes: number) => {
          const drops = name === 'mmap' || name === 'madvise'
          if (drops && !(name in answers)) new Uint8Array(range.buffer, range.byteOffset, bytes).fill(0)
          return answers[name] ?? 0
        }
      },
    }),
    errno: () => 1,
    os: { errno: { EPERM: 1 } },
  })

  it('is made once', () => {
    expect(pageSystem()).toBe(pageSystem())
    expect(pageSystem().kind).toBe(posixPages ? 'posix' : 'portable')
  })

  it('is portable without koffi, with a broken one, and elsewhere, and says why', () => {
    expect(loadPosixPages({})).toMatch(/platform 'browser'/)
    expect(loadPosixPages(surroundings({}, 'win32'))).toMatch(/platform 'win32'/)
    expect(loadPosixPages({ process: { platform: 'linux' } })).toMatch(/node:module/)
    const missing = Object.assign(new Error('no'), { code: 'MODULE_NOT_FOUND' })
    expect(loadPosixPages(surroundings(missing))).toBe('koffi is not installed: npm install koffi')
    expect(loadPosixPages(surroundings(new Error('bad ELF\nat …')))).toBe('koffi cannot be loaded: bad ELF')
    expect(loadPosixPages(surroundings({}))).toMatch(/refuses calls on pages/)
  })

  it('is portable where the system refuses', () => {
    expect(loadPosixPages(surroundings(fake({ mmap: -1, madvise: -1 })))).toMatch(/mmap of 65536 bytes .* EPERM/)
    expect(loadPosixPages(surroundings(fake({ madvise: 0 })))).toMatch(/does not hand over the memory itself/)
    expect(loadPosixPages(surroundings(fake({ mmap: 0 })))).toMatch(/fresh pages are not zero/)
    expect(loadPosixPages(surroundings(fake({ getpagesize: 2 ** 20 })))).toMatch(/pages have 1048576 bytes/)
  })

  it('offers what works, and no more', () => {
    const all = loadPosixPages(surroundings(fake({}))) as PageSystem
    expect(all.can).toMatchObject({ protect: true, numa: true, residency: true })
    const less = loadPosixPages(surroundings(fake({ mprotect: -1, syscall: -1, mincore: -1 }))) as PageSystem
    expect(less.can).toMatchObject({ decommit: true, protect: false, numa: false, residency: false })
    const memory = memoryOf(1)
    expect(less.protect(memory, 0, 4096, 'none')).toBe(false)
    expect(less.residentBytes(memory, 0, 4096)).toBeUndefined()
    const mac = loadPosixPages(surroundings(fake({ madvise: -1 }), 'darwin')) as PageSystem
    expect(mac.can).toMatchObject({ decommit: true, fork: false, hugePages: false, numa: false })
    expect(mac.decommit(memory, 0, 4096)).toBe(true)
    expect(new Uint8Array(memory.buffer, 0, 4096).every((byte) => byte === 0)).toBe(true)
  })

  it('maps fresh pages where Linux does not drop them', () => {
    const locked = loadPosixPages(surroundings(fake({ madvise: -1 }))) as PageSystem
    expect(locked.can.hugePages).toBe(false)
    const memory = memoryOf(1)
    expect(locked.decommit(memory, 0, 4096)).toBe(true)
    expect(new Uint8Array(memory.buffer, 0, 4096).every((byte) => byte === 0)).toBe(true)
    expect(new Uint8Array(memory.buffer)[4096]).toBe(4096 % 251)
  })

  it('names the call that failed', () => {
    let fails = false
    const koffi = fake({})
    const { load } = koffi
    const later = {
      ...koffi,
      load: () => ({
        func: (definition: string) => {
          const call = load().func(definition) as (...all: unknown[]) => number
          return (...all: unknown[]) => (fails ? -1 : call(...all))
        },
      }),
    }
    const pages = loadPosixPages(surroundings(later)) as PageSystem
    fails = true
    const memory = memoryOf(1)
    const file = { fd: 3, offsetBytes: 0, access: 'shared' } as const
    const failures: readonly [string, () => unknown][] = [
      ['mprotect', () => pages.protect(memory, 4096, 4096, 'none')],
      ['mmap', () => pages.map(memory, 4096, 4096, file)],
      ['mmap', () => pages.decommit(memory, 4096, 4096)],
      ['mmap', () => pages.unmap(memory, 4096, 4096)],
      ['msync', () => pages.flush(memory, 4096, 4096, file)],
      ['mincore', () => pages.residentBytes(memory, 4096, 4096)],
    ]
    for (const [call, fail] of failures) {
      const figures = { code: 'HW_PLATFORM', call, errno: 'EPERM', address: 4096, bytes: 4096 }
      expect(fail).toThrow(expect.objectContaining(figures))
    }
    expect(pages.advise(memory, 0, 4096, { hugePages: true, numaNode: 0 })).toMatchObject({ numaNode: false })
    expect(() => pages.advise(memory, 0, 4096, { numaNode: -1 })).toThrow(ArgumentError)
  })

  it('can be given for tests, and is checked', () => {
    const given = portablePages('for this test')
    const memory = Heap.create({ testing: { pages: given } })
    memory.close()
    expect(checkPageSystem('pages', undefined)).toBeUndefined()
    for (const none of [null, 1, {}, { ...given }, { pageBytes: 4096, can: {} }]) {
      expect(() => Heap.create({ testing: { pages: none as PageSystem } })).toThrow(/`testing.pages` must be a page/)
    }
  })

  it('loads koffi as Node finds it', () => {
    const require = createRequire(import.meta.url)
    const found = loadPosixPages(surroundings(require('koffi'), process.platform))
    expect(typeof found === 'string').toBe(posixPages === undefined)
  })
})
