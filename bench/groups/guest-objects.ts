/**
 * Binary trees in a C program that was linked with the kernel, against V8's own objects: what a program pays whose
 * objects are collected by a heap inside it. Needs clang for WebAssembly; without it the rows are left out.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { linkModule } from '../../src/guest/index.js'
import { Heap } from '../../src/heap.js'
import { type ObjectMode, withV8 } from '../object-contestants.js'
import type { Budget, Row } from '../result.js'
import type { Group } from './group.js'
import { runner, runTrees, type TreeRunner, v8Runner } from './object-trees.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const SOURCE = join(ROOT, 'bench/guests/trees.c')
const MODULE = join(ROOT, 'build/bench/guest-trees.wasm')
const CLANG = process.env.HEAPWRIGHT_CLANG ?? 'clang'
const FLAGS = ['--target=wasm32-wasi', `--sysroot=${process.env.HEAPWRIGHT_WASI_SYSROOT ?? '/usr'}`, '-O2']
/** Without main. */
const LIBRARY = ['-nostartfiles', '-Wl,--no-entry']
/** The numbers of include/heapwright.h. */
const MODES: Readonly<Record<ObjectMode, number>> = { vm: 1, runtime: 2, server: 3 }
const DEEP = 18
const DEEP_ROUNDS = 2

const linkedName = (mode: ObjectMode) => `linked C, mode '${mode}'`

interface LinkedTrees {
  readonly memory: WebAssembly.Memory
  begin(mode: number): number
  trees(depth: number): number
  heapwright_heap(): number
}

/** The program's bytes, or why there are none. */
function compile(): Uint8Array | string {
  // A clang that finds wasm-opt, as under npx, runs it.
  const directories = (process.env.PATH ?? '').split(delimiter)
  const path = directories.filter((directory) => !existsSync(join(directory, 'wasm-opt'))).join(delimiter)
  mkdirSync(join(ROOT, 'build/bench'), { recursive: true })
  try {
    const options = [...FLAGS, ...LIBRARY, `-I${join(ROOT, 'include')}`, SOURCE, '-o', MODULE]
    execFileSync(CLANG, options, { env: { ...process.env, PATH: path }, stdio: 'pipe' })
    return readFileSync(MODULE)
  } catch (error) {
    const [line] = String((error as { stderr?: Buffer }).stderr ?? error).split('\n')
    return `no clang for WebAssembly (apt-get install clang lld wasi-libc libclang-rt-dev-wasm32): ${line}`
  }
}

/** A module of its own for each, as three programs would be. */
function linkedRunner(linked: Uint8Array, mode: ObjectMode): TreeRunner {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(linked as BufferSource))
  const program = exports as unknown as LinkedTrees
  if (program.begin(MODES[mode]) !== 0) throw new Error(`${linkedName(mode)}: objects cannot begin`)
  const peakBytes = () => {
    const heap = Heap.attach(program.memory, program.heapwright_heap() >>> 0)
    const result = heap.verify()
    if (!result.ok) throw new Error(`${linkedName(mode)} at 0x${result.address?.toString(16)}: ${result.fault}`)
    return heap.stats().committedPeakBytes
  }
  return runner(linkedName(mode), (depth) => program.trees(depth) >>> 0, peakBytes)
}

async function runLinked(depth: number, rounds: number): Promise<Row[] | string> {
  const module = compile()
  if (typeof module === 'string') return module
  const { bytes } = await linkModule(module)
  const budgets = (['runtime', 'server'] as const).map((mode): Budget => {
    return { contestant: linkedName(mode), measure: 'ratio', max: 0.7 }
  })
  return withV8(async (v8) => {
    const runners = [
      ...v8.map(({ name, process }) => v8Runner(name, process)),
      ...(['vm', 'runtime', 'server'] as const).map((mode) => linkedRunner(bytes, mode)),
    ]
    return [await runTrees(depth, runners, depth >= DEEP ? Math.min(rounds, DEEP_ROUNDS) : rounds, budgets)]
  })
}

export const guestObjectGroups: readonly Group[] = [16, DEEP].map((depth) => ({
  id: `guests objects trees ${depth}`,
  section: 'Binary trees in a linked C program; V8 in JavaScript',
  long: depth !== 16,
  run: ({ rounds }) => runLinked(depth, rounds),
}))
