/**
 * What does a call from JavaScript into WebAssembly cost, and is the block fast path faster when it is run in
 * JavaScript over the same memory? Run: node bench/experiments/call-cost.mjs [rounds]
 *
 * Every contestant gets its own copy of loop and fast path (`new Function` or a module of its own with a unique
 * comment, so that V8 shares neither code nor feedback), its own instance and its own memory. Contestants take turns in
 * every round, order rotated; medians over the rounds.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '../..')
const rounds = Number(process.argv[2] ?? 15)
const LIVE_MAX = 100_000

async function build(source, name, ...options) {
  mkdirSync(join(root, 'build/bench'), { recursive: true })
  const outFile = `build/bench/${name}.wasm`
  const { error, stderr } = await asc.main([
    source,
    ...['--baseDir', root, '--outFile', outFile, '-O3', '--converge', '--noAssert'],
    ...options,
  ])
  if (error) throw new Error(`${stderr.toString()}${error.message}`)
  return new WebAssembly.Module(readFileSync(join(root, outFile)))
}

const kernelModule = await build(
  'bench/experiments/call-cost-kernel.ts',
  'call-cost-kernel',
  ...['--runtime', 'stub', '--importMemory', '--noExportMemory'],
)
const tlsfModule = await build('bench/peers/tlsf.ts', 'tlsf', '--runtime', 'minimal')

function kernel(pages = 16) {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 4096 })
  const { exports } = new WebAssembly.Instance(kernelModule, { env: { memory } })
  exports.init()
  return { memory, k: exports }
}

let copies = 0
/** A function of its own from source text: never shares code or feedback with another. */
const make = (source, ...scope) => new Function('a', 'b', 'c', `// copy ${++copies}\n${source}`)(...scope)

async function makeModule(source) {
  return import(`data:text/javascript,${encodeURIComponent(`// copy ${++copies}\n${source}`)}`)
}

// ---- the fast path in JavaScript; U32, U16, U8 stand for however the views are reached ----------------------------

const allocText = (u32, u16, u8, slow) => `
  if (size <= 2048) {
    const page = ${u32}[256 + ${u8}[1536 + ((size + 15) >>> 4)]]
    const block = ${u32}[(page >>> 2) + 1]
    if (block !== 0) {
      ${u32}[(page >>> 2) + 1] = ${u32}[block >>> 2]
      ${u16}[(page >>> 1) + 4]++
      ${u8}[(${u32}[(page >>> 2) + 3] + (block >>> 4)) >>> 0] = 1
      ${u32}[128] += ${u16}[(page >>> 1) + 12]
      ${u32}[130]++
      return block
    }
  }
  return ${slow}(size)`

const freeText = (u32, u16, u8, slow) => `
  const entry = 1024 + ((p >>> 20) << 2)
  const off = (p - ${u32}[entry + 1]) | 0
  if (((off >>> 4) | (off << 28)) >>> 0 < ${u32}[entry + 2]) {
    const map = (${u32}[entry] + (p >>> 4)) >>> 0
    if (${u8}[map] === 1) {
      const page = ${u32}[(${u32}[entry + 3] >>> 2) + ((p >>> 12) << 3)]
      ${u8}[map] = 0
      ${u32}[p >>> 2] = ${u32}[(page >>> 2) + 1]
      ${u32}[(page >>> 2) + 1] = p
      const live = ${u32}[128]
      if (live > ${u32}[129]) ${u32}[129] = live
      ${u32}[128] = live - ${u16}[(page >>> 1) + 12]
      ${u32}[130]--
      const used = ${u16}[(page >>> 1) + 4] - 1
      ${u16}[(page >>> 1) + 4] = used
      if (used === ${u16}[(page >>> 1) + 5]) ${slow}(page)
      return 0
    }
  }
  return 1`

const closure = (binding) => (h) =>
  make(
    `const { k, memory } = a
     ${binding} u32 = new Uint32Array(memory.buffer), u16 = new Uint16Array(memory.buffer), u8 = new Uint8Array(memory.buffer)
     const slowFree = k.pageSlowAt, slowWasm = k.allocSlow
     function slow(size) {
       const p = slowWasm(size) >>> 0
       ${
         binding === 'let'
           ? `if (u8.length === 0) {
         u32 = new Uint32Array(memory.buffer); u16 = new Uint16Array(memory.buffer); u8 = new Uint8Array(memory.buffer)
       }`
           : ''
       }
       return p
     }
     function alloc(size) { ${allocText('u32', 'u16', 'u8', 'slow')} }
     function free(p) { ${freeText('u32', 'u16', 'u8', 'slowFree')} }
     return { alloc, free }`,
    h,
  )

const fields = (mark) => (h) =>
  make(
    `return new (class {
       ${mark}u32; ${mark}u16; ${mark}u8; ${mark}k; ${mark}memory
       constructor(h) { this.${mark}k = h.k; this.${mark}memory = h.memory; this.bind() }
       bind() {
         const buffer = this.${mark}memory.buffer
         this.${mark}u32 = new Uint32Array(buffer); this.${mark}u16 = new Uint16Array(buffer); this.${mark}u8 = new Uint8Array(buffer)
       }
       slow(size) {
         const p = this.${mark}k.allocSlow(size) >>> 0
         if (this.${mark}u8.length === 0) this.bind()
         return p
       }
       alloc(size) { const u32 = this.${mark}u32, u16 = this.${mark}u16, u8 = this.${mark}u8; ${allocText('u32', 'u16', 'u8', 'this.slow')} }
       free(p) { const u32 = this.${mark}u32, u16 = this.${mark}u16, u8 = this.${mark}u8; ${freeText('u32', 'u16', 'u8', `this.${mark}k.pageSlowAt`)} }
     })(a)`,
    h,
  )

/** name -> { calls: how the loop writes a call, object: what the loop gets } */
const contestants = {
  'empty: the loop alone': () => ({ style: 'f', object: make('return { alloc: (n) => 65536 + n, free: (p) => 0 }') }),
  'wasm: const f = exports.f': () => ({ style: 'f', object: kernel().k }),
  'wasm: f(x) >>> 0': () => ({ style: 'f>>>0', object: kernel().k }),
  'wasm: exports.f(x)': () => ({ style: 'o', object: kernel().k }),
  'wasm: method, this.k.f(x) >>> 0': () => ({
    style: 'o',
    object: make(
      'return new (class { constructor(k) { this.k = k } alloc(n) { return this.k.alloc(n) >>> 0 } free(p) { return this.k.free(p) } })(a)',
      kernel().k,
    ),
  }),
  'wasm: method, this.#f(x) >>> 0': () => ({
    style: 'o',
    object: make(
      'return new (class { #a; #f; constructor(k) { this.#a = k.alloc; this.#f = k.free } alloc(n) { return this.#a(n) >>> 0 } free(p) { return this.#f(p) } })(a)',
      kernel().k,
    ),
  }),
  'js: views closure const': () => ({ style: 'f', object: closure('const')(kernel(1024)) }),
  'js: views closure let, rebound': () => ({ style: 'f', object: closure('let')(kernel()) }),
  'js: views class fields': () => ({ style: 'o', object: fields('')(kernel()) }),
  'js: views #private fields': () => ({ style: 'o', object: fields('#')(kernel()) }),
  'js: views module-level let': async () => {
    const module = await makeModule(`
      let u32, u16, u8, memory, slowWasm, slowFree
      export function init(h) { memory = h.memory; slowWasm = h.k.allocSlow; slowFree = h.k.pageSlowAt; bind() }
      function bind() { u32 = new Uint32Array(memory.buffer); u16 = new Uint16Array(memory.buffer); u8 = new Uint8Array(memory.buffer) }
      function slow(size) { const p = slowWasm(size) >>> 0; if (u8.length === 0) bind(); return p }
      export function alloc(size) { ${allocText('u32', 'u16', 'u8', 'slow')} }
      export function free(p) { ${freeText('u32', 'u16', 'u8', 'slowFree')} }`)
    module.init(kernel())
    return { style: 'f', object: module }
  },
  'TLSF: const f = exports.f': () => ({
    style: 'f',
    object: new WebAssembly.Instance(tlsfModule, { env: { abort() {} } }).exports,
  }),
}

const CALL = {
  f: { alloc: (x) => `alloc(${x})`, free: (x) => `free(${x})` },
  'f>>>0': { alloc: (x) => `(alloc(${x}) >>> 0)`, free: (x) => `free(${x})` },
  o: { alloc: (x) => `o.alloc(${x})`, free: (x) => `o.free(${x})` },
}

function loops({ style, object }) {
  const { alloc, free } = CALL[style]
  return make(
    `const o = a, { alloc, free } = a
     function pairs(n, size) { for (let i = 0; i < n; i++) ${free(alloc('size'))} }
     function fill(live, sizes, n) { for (let i = 0; i < n; i++) live[i] = ${alloc('sizes[i]')} }
     function replace(live, slots, sizes, from, n) {
       for (let i = from; i < from + n; i++) { const s = slots[i]; ${free('live[s]')}; live[s] = ${alloc('sizes[i]')} }
     }
     function clear(live, n) { for (let i = 0; i < n; i++) ${free('live[i]')} }
     return { pairs, fill, replace, clear }`,
    object,
  )
}

// ---- measurement --------------------------------------------------------------------------------------------------

let seed = 12345
const random = () => {
  seed ^= seed << 13
  seed ^= seed >>> 17
  seed ^= seed << 5
  return seed >>> 0
}
const STEPS = 1 << 18
const sizes = Uint32Array.from({ length: STEPS }, () => 16 + (random() % 224))
const median = (list) => list.slice().sort((a, b) => a - b)[list.length >> 1]

function time(work, operations) {
  const from = process.hrtime.bigint()
  work()
  return Number(process.hrtime.bigint() - from) / operations
}

/**
 * The entrants take turns; every entrant runs `work` in slices of 1,000 operations, so that optimised code is entered.
 */
async function table(title, names, prepare) {
  const entrants = []
  for (const name of names) entrants.push({ name, work: await prepare(name), times: [] })
  for (let warm = 0; warm < 6; warm++) for (const e of entrants) e.work()
  await new Promise((done) => setTimeout(done, 100))
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < entrants.length; i++) {
      const e = entrants[(i + round) % entrants.length]
      e.times.push(e.work())
    }
  }
  console.log(`\n### ${title}\n\n| contestant | ns | min | max |\n| --- | ---: | ---: | ---: |`)
  for (const { name, times } of entrants) {
    const cells = [median(times), Math.min(...times), Math.max(...times)].map((x) => x.toFixed(2))
    console.log(`| ${name} | ${cells.join(' | ')} |`)
  }
}

console.log(
  `Node ${process.version}, V8 ${process.versions.v8}, ${cpus()[0].model}, ${new Date().toISOString().slice(0, 10)}; medians of ${rounds} rounds.`,
)

/** name -> [set-up, one step]; `a` is the exports object of an instance of its own. */
const trivial = {
  'empty: s = (s + 1) | 0': ['', 's = (s + 1) | 0'],
  'JavaScript function, inlined': ['const f = (x) => (x + 1) | 0', 's = f(s)'],
  'const f = exports.f; f(x)': ['const f = a.trivial', 's = f(s)'],
  'exports.f(x)': ['const exports = a', 's = exports.trivial(s)'],
  'instance.exports.f(x)': ['const instance = { exports: a }', 's = instance.exports.trivial(s)'],
  'copied object { f: exports.f }': ['const o = { f: a.trivial }', 's = o.f(s)'],
  'let f, rebound once': ['let f = Math.abs; f = a.trivial', 's = f(s)'],
  'method: this.k.f(x)': [
    'const h = new (class { constructor(k) { this.k = k } m(x) { return this.k.trivial(x) } })(a)',
    's = h.m(s)',
  ],
  'method: this.#k.f(x)': [
    'const h = new (class { #k; constructor(k) { this.#k = k } m(x) { return this.#k.trivial(x) } })(a)',
    's = h.m(s)',
  ],
  'method: this.f(x), the field holds the export': [
    'const h = new (class { constructor(k) { this.f = k.trivial } m(x) { return this.f(x) } })(a)',
    's = h.m(s)',
  ],
}
await table('A trivial export (param i32) -> (i32), per call', Object.keys(trivial), (name) => {
  const [setup, step] = trivial[name]
  const run = make(
    `${setup}
     return function run(n) { let s = 0; for (let i = 0; i < n; i++) ${step}; return s }`,
    kernel().k,
  )
  return () =>
    time(() => {
      for (let i = 0; i < 1000; i++) run(1000)
    }, 1e6)
})

const names = Object.keys(contestants)
await table('alloc(32) + free, per pair', names, async (name) => {
  const { pairs } = loops(await contestants[name]())
  return () =>
    time(() => {
      for (let i = 0; i < 1000; i++) pairs(1000, 32)
    }, 1e6)
})

/**
 * Several heaps in one program: the same class or factory has seen four instances before the measured one is used, so
 * the call feedback inside it is megamorphic; `new Function` gives every heap code of its own.
 */
const classText =
  'return class { constructor(k) { this.k = k } alloc(n) { return this.k.alloc(n) >>> 0 } free(p) { return this.k.free(p) } }'
const factoryText = 'return ({ alloc: al, free: fr }) => ({ alloc: (n) => al(n) >>> 0, free: (p) => fr(p) })'
const several = {
  'wasm: class method, one heap': () => [new (make(classText))(kernel().k)],
  'wasm: class method, five heaps': () =>
    five(
      (
        (Class) => () =>
          new Class(kernel().k)
      )(make(classText)),
    ),
  'wasm: closures of one factory, five heaps': () =>
    five(
      (
        (f) => () =>
          f(kernel().k)
      )(make(factoryText)),
    ),
  'wasm: new Function for each, five heaps': () => five(() => make(factoryText)(kernel().k)),
  'wasm: exports objects used directly, five heaps': () => five(() => kernel().k),
  'js: views class fields, one heap': () => [fields('')(kernel())],
  'js: views class fields, five heaps': () =>
    five(
      (
        (Class) => () =>
          new Class(kernel())
      )(fields('')(kernel()).constructor),
    ),
}
function five(makeOne) {
  return Array.from({ length: 5 }, makeOne)
}
for (const [title, site] of [
  ['one call site, the heap a parameter, heaps in turn', 'each heap is passed to the same loop in turn'],
  ['a loop of its own for the measured heap', 'only the class or factory is shared'],
]) {
  await table(`Several heaps, ${title}: alloc(32) + free, per pair`, Object.keys(several), (name) => {
    const heaps = several[name]()
    if (site.startsWith('each')) {
      const pairs = make('return function pairs(o, n, size) { for (let i = 0; i < n; i++) o.free(o.alloc(size)) }')
      return () =>
        time(() => {
          for (let i = 0; i < 1000; i++) pairs(heaps[i % heaps.length], 1000, 32)
        }, 1e6)
    }
    for (let i = 0; i < 200_000; i++) heaps[i % heaps.length].free(heaps[i % heaps.length].alloc(32))
    const { pairs } = loops({ style: 'o', object: heaps[0] })
    return () =>
      time(() => {
        for (let i = 0; i < 1000; i++) pairs(1000, 32)
      }, 1e6)
  })
}

for (const live of [1000, 10_000, LIVE_MAX]) {
  const slots = Uint32Array.from({ length: STEPS }, () => random() % live)
  await table(`Random replace, ${live} live, 16 to 239 bytes, per replace`, names, async (name) => {
    const { fill, replace } = loops(await contestants[name]())
    const blocks = new Uint32Array(live)
    fill(blocks, sizes, live)
    return () =>
      time(() => {
        for (let i = 0; i < STEPS; i += 1024) replace(blocks, slots, sizes, i, 1024)
      }, STEPS)
  })
}
