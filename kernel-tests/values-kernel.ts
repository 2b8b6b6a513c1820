/**
 * A bare kernel with values for tests: the values' module of either world over its kernel, and what tests need to hold
 * values, to read them, and to see that none is left.
 *
 *   scratch   memory below the heap, for texts and words on their way in
 *   Held      a root with a word, which collectors put right and which owns the word where values are counted
 */
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'
import { KERNELS, moduleOf, ObjectKernel, type ObjectKernelOptions } from './object-kernel.js'

type Call = (...args: number[]) => number

export interface ValuesSetup extends ObjectKernelOptions {
  /** `STRESS_…` and its number: begins when the values are there. */
  readonly stress?: readonly [kind: number, number: number]
}

const { POLICY_EVACUATE, POLICY_LAZY_SWEEP, POLICY_MOVE_ALL, POLICY_AGEING, POLICY_INCREMENTAL } = objects
const everyAllocation = [objects.STRESS_ALLOCATIONS, 1] as const

/** One of each mode as it is used, then those under stress. */
export const valuesSetups: Readonly<Record<string, ValuesSetup>> = {
  vm: { policy: POLICY_EVACUATE | POLICY_LAZY_SWEEP },
  compiler: { policy: POLICY_LAZY_SWEEP },
  runtime: { nursery: 32 << 10, policy: POLICY_AGEING | POLICY_EVACUATE | POLICY_LAZY_SWEEP },
  server: { nursery: 32 << 10, policy: POLICY_INCREMENTAL | POLICY_AGEING, stepUnits: 30 },
  embedded: { mode: 'embedded' },
  counted: { mode: 'counted' },
  'vm, moving at every allocation': { policy: POLICY_MOVE_ALL, stress: everyAllocation },
  'runtime, collecting at every allocation': { nursery: 64 << 10, policy: POLICY_AGEING, stress: everyAllocation },
  'runtime, moving by bytes': { nursery: 64 << 10, policy: POLICY_MOVE_ALL, stress: [objects.STRESS_BYTES, 700] },
  'server, collecting by chance': {
    nursery: 32 << 10,
    policy: POLICY_INCREMENTAL,
    stress: [objects.STRESS_RANDOM, 5],
    stepUnits: 5,
    knobs: objects.KNOB_SMALL_BUDGET,
  },
  'server, unit steps': {
    nursery: 32 << 10,
    policy: POLICY_INCREMENTAL,
    knobs: objects.KNOB_SMALL_BUDGET | objects.KNOB_UNIT_STEPS,
  },
  'embedded, moving at every allocation': { mode: 'embedded', policy: POLICY_MOVE_ALL, stress: everyAllocation },
  'counted, collecting at every allocation': { mode: 'counted', stress: everyAllocation },
  'counted, unit steps': { mode: 'counted', stress: everyAllocation, knobs: objects.KNOB_UNIT_STEPS },
}

const SCRATCH_AT = 1024
/** Where the heap begins unless the setup says otherwise: the scratch is below. */
const BASE = 256 << 10
const HASH_SEED = 0x9e3779b9

/** The module that stands on a kernel, by the kernel's name. */
export function valuesName(kernel: string): string {
  return kernel.replace('heapwright', 'heapwright-values').replace('-objects', '')
}

/** A root that holds a word. */
export class Held {
  readonly #kernel: ValuesKernel
  readonly #slot: number

  constructor(kernel: ValuesKernel, slot: number) {
    this.#kernel = kernel
    this.#slot = slot
  }

  get word(): number {
    return this.#kernel.u32(this.#slot)
  }

  /** Its slot, for calls that are told where words lie. */
  get slot(): number {
    return this.#slot
  }

  /** Let the word go. */
  drop(): void {
    this.#kernel.kernel.expectOk('rootRemove', objects.ROOT_STRONG, this.#slot)
  }
}

export class ValuesKernel {
  readonly kernel: ObjectKernel
  readonly memory: WebAssembly.Memory
  /** The module's functions as they are: numbers may be signed, or doubles. */
  readonly call: Record<string, Call>
  readonly isCounted: boolean
  /** Address of the values' state. */
  readonly state: number
  /** Where tests may write texts and words. */
  readonly scratch = SCRATCH_AT
  readonly scratchBytes = BASE - SCRATCH_AT
  /** Objects that were there before any value. */
  readonly #objectsBefore: number

  constructor(setup: ValuesSetup = {}) {
    this.kernel = new ObjectKernel({ base: BASE, ...setup })
    this.memory = this.kernel.memory
    this.isCounted = this.kernel.mode === 'counted'
    const report = (code: number, address: number) => {
      throw new Error(`assertion ${code} of the values' module at 0x${(address >>> 0).toString(16)}`)
    }
    const name = valuesName(KERNELS[this.kernel.mode])
    const instance = new WebAssembly.Instance(moduleOf(setup.release ? name : `${name}-debug`), {
      env: { memory: this.memory },
      host: { grow: () => -1, report },
      kernel: this.kernel.call as unknown as WebAssembly.ModuleImports,
    })
    this.call = instance.exports as Record<string, Call>
    this.run('attach', this.kernel.base)
    this.expectOk('create', HASH_SEED)
    this.state = this.kernel.word(objects.SPACE_VALUES_AT)
    this.#objectsBefore = this.liveObjects
    if (setup.stress) this.kernel.expectOk('setStress', ...setup.stress, 1)
  }

  /** Call a function of the values' module; the answer is unsigned. */
  run(name: string, ...args: number[]): number {
    return this.number(name, ...args) >>> 0
  }

  /** The same with the answer as it is: a double, or a signed number. */
  number(name: string, ...args: number[]): number {
    const call = this.call[name]
    if (!call) throw new Error(`the values' module has no function ${name}`)
    return call(...args)
  }

  /** Call one that answers a status, which must be OK. */
  expectOk(name: string, ...args: number[]): void {
    const status = this.run(name, ...args)
    if (status !== layout.STATUS_OK) throw new Error(`${name}: status ${status}`)
  }

  /** Why the last call that answered 0 did so. */
  get status(): number {
    return this.stateWord(values.VALUES_STATUS_AT)
  }

  stateWord(at: number): number {
    return this.u32(this.state + at)
  }

  u32(address: number): number {
    return this.kernel.u32(address) >>> 0
  }

  setU32(address: number, value: number): void {
    this.kernel.setU32(address, value)
  }

  /** Bytes at an address: a view, good until the memory grows. */
  bytes(address: number, count: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, count)
  }

  /** Put bytes into the scratch: their address. */
  write(bytes: Uint8Array, at = this.scratch): number {
    this.bytes(at, bytes.length).set(bytes)
    return at
  }

  /** Put words into the scratch: their address. */
  writeWords(words: readonly number[]): number {
    words.forEach((word, index) => {
      this.setU32(this.scratch + 4 * index, word)
    })
    return this.scratch
  }

  // ---- holding values

  /** Put a word that the caller owns into a root, which owns it from then on. */
  hold(word: number): Held {
    const slot = this.kernel.run('rootAdd', objects.ROOT_STRONG, word)
    if (!slot) throw new Error(`no root for the word 0x${word.toString(16)}`)
    this.release(word)
    return new Held(this, slot)
  }

  /** Put a word that is lent into a root. */
  share(word: number): Held {
    const slot = this.kernel.run('rootAdd', objects.ROOT_STRONG, word)
    if (!slot) throw new Error(`no root for the word 0x${word.toString(16)}`)
    return new Held(this, slot)
  }

  /** Let go of a word that the caller owns. Nothing where objects are traced. */
  release(word: number): void {
    if (this.isCounted && isReference(word)) this.kernel.expectOk('decref', word)
  }

  // ---- values

  /** A string, owned. */
  string(text: string | Uint8Array): number {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
    return this.run('stringNew', this.write(bytes), bytes.length)
  }

  /** The bytes of a string. */
  textBytes(string: number): Uint8Array {
    return this.bytes(string + values.STRING_TEXT_AT, this.run('stringBytes', string))
  }

  /** The text of a string, which must be UTF-8. */
  text(string: number): string {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.textBytes(string))
  }

  // ---- state of the heap

  /** All garbage goes. */
  collect(): void {
    this.kernel.run('collect', objects.COLLECT_FULL)
    this.kernel.run('finishSweep')
  }

  /** Throws when the verifiers find a fault. */
  verify(): void {
    this.kernel.verify()
    if (!this.call.valuesVerify) return
    const fault = this.run('valuesVerify')
    if (fault) throw new Error(`valuesVerify: fault ${fault}`)
  }

  /** A piece of whatever collectors there are do beside the program. */
  collectSome(below: (limit: number) => number): void {
    const { kernel } = this
    const choice = below(8)
    if (choice === 0) kernel.run('collect', objects.COLLECT_FULL)
    else if (choice === 1 && !this.isCounted) kernel.run('collect', objects.COLLECT_COMPACT)
    else if (this.isCounted) kernel.run('step', 1 + below(8))
    else if (kernel.hasNursery && choice < 4) kernel.run('collect', objects.COLLECT_MINOR)
    else if (kernel.hasNursery) {
      // A cycle that would begin later begins now.
      if (kernel.word(objects.SPACE_PHASE_AT) === objects.PHASE_IDLE) {
        kernel.setWord(objects.SPACE_ALLOCATED_AT, kernel.word(objects.SPACE_BUDGET_AT))
      }
      kernel.run('step', 1 << below(8))
    }
  }

  /** Id of an object's type. */
  typeOf(reference: number): number {
    return this.u32(reference - 8) & objects.TYPE_MASK
  }

  get liveObjects(): number {
    return this.kernel.word(objects.SPACE_LIVE_OBJECTS_AT)
  }

  /** Objects that are there now and were not before the first value: after a collection, where objects are traced. */
  get leftObjects(): number {
    if (!this.isCounted) this.collect()
    return this.liveObjects - this.#objectsBefore
  }
}

/** Whether a word is a reference in any world. Special words, characters and integers are none. */
export function isReference(word: number): boolean {
  return word !== 0 && (word & values.WORD_TAG_MASK) === 0
}
