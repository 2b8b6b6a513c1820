/** The configurations under which random object graphs run, and how one seed of them is run. */
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import { random } from '../test/support/random.js'
import { ObjectKernel, type ObjectKernelOptions } from './object-kernel.js'
import { ObjectModel } from './object-model.js'

interface Setup extends ObjectKernelOptions {
  /** `STRESS_…` and its number. */
  readonly stress?: readonly [kind: number, number: number]
}

const { POLICY_EVACUATE, POLICY_LAZY_SWEEP, POLICY_COUNT_TYPES, POLICY_MOVE_ALL, POLICY_AGEING, POLICY_INCREMENTAL } =
  objects
const everyAllocation = [objects.STRESS_ALLOCATIONS, 1] as const

export const objectSetups: Readonly<Record<string, Setup>> = {
  vm: { policy: POLICY_EVACUATE | POLICY_LAZY_SWEEP },
  'vm, sweeping at once': { policy: POLICY_EVACUATE | POLICY_COUNT_TYPES },
  'vm, moving at every allocation': { policy: POLICY_MOVE_ALL, stress: everyAllocation },
  'vm, collecting at every allocation': { policy: POLICY_LAZY_SWEEP, stress: everyAllocation },
  'vm, collecting by bytes': { policy: POLICY_MOVE_ALL | POLICY_LAZY_SWEEP, stress: [objects.STRESS_BYTES, 700] },
  'vm, collecting by chance': { policy: POLICY_EVACUATE, stress: [objects.STRESS_RANDOM, 5] },
  'vm, short mark stack': {
    policy: POLICY_MOVE_ALL,
    stress: [objects.STRESS_ALLOCATIONS, 3],
    knobs: objects.KNOB_SHORT_MARK_STACK,
  },
  'vm, evacuation fails': { policy: POLICY_MOVE_ALL, knobs: objects.KNOB_EVACUATION_FAILS },
  'vm, little memory': { policy: POLICY_EVACUATE | POLICY_LAZY_SWEEP, limit: 512 << 10 },
  'vm, small budget': {
    policy: POLICY_LAZY_SWEEP,
    knobs: objects.KNOB_SMALL_BUDGET,
  },
  'vm, small budget, moving': {
    policy: POLICY_EVACUATE | POLICY_LAZY_SWEEP,
    knobs: objects.KNOB_SMALL_BUDGET | objects.KNOB_SHORT_MARK_STACK,
  },
  'vm, without assertions': {
    policy: POLICY_LAZY_SWEEP,
    stress: [objects.STRESS_BYTES, 3000],
    release: true,
  },
  'vm, aligned runs only': { policy: POLICY_MOVE_ALL, knobs: layout.KNOB_NO_ALIGNED_FIT | layout.KNOB_EXACT_GROWTH },
  runtime: { nursery: 32 << 10 },
  'runtime, ageing': { nursery: 32 << 10, policy: POLICY_AGEING | POLICY_EVACUATE | POLICY_LAZY_SWEEP },
  'runtime, large nursery': { nursery: 1 << 20, policy: POLICY_EVACUATE },
  'runtime, collecting at every allocation': { nursery: 64 << 10, policy: POLICY_AGEING, stress: everyAllocation },
  'runtime, collecting by bytes': { nursery: 64 << 10, policy: POLICY_MOVE_ALL, stress: [objects.STRESS_BYTES, 700] },
  'runtime, short log': { nursery: 32 << 10, policy: POLICY_LAZY_SWEEP, knobs: objects.KNOB_SHORT_LOG },
  'runtime, short log, ageing': {
    nursery: 64 << 10,
    policy: POLICY_AGEING | POLICY_COUNT_TYPES,
    knobs: objects.KNOB_SHORT_LOG,
  },
  'runtime, promotion fails': {
    nursery: 64 << 10,
    policy: POLICY_AGEING | POLICY_EVACUATE,
    knobs: objects.KNOB_EVACUATION_FAILS,
  },
  'runtime, short mark stack': {
    nursery: 32 << 10,
    policy: POLICY_AGEING,
    stress: [objects.STRESS_ALLOCATIONS, 3],
    knobs: objects.KNOB_SHORT_MARK_STACK,
  },
  'runtime, little memory': { nursery: 64 << 10, policy: POLICY_AGEING | POLICY_EVACUATE, limit: 640 << 10 },
  'runtime, small budget': { nursery: 32 << 10, policy: POLICY_LAZY_SWEEP, knobs: objects.KNOB_SMALL_BUDGET },
  'runtime, without assertions': {
    nursery: 32 << 10,
    policy: POLICY_AGEING,
    stress: [objects.STRESS_BYTES, 3000],
    release: true,
  },
  server: { nursery: 32 << 10, policy: POLICY_INCREMENTAL },
  'server, ageing': { nursery: 64 << 10, policy: POLICY_INCREMENTAL | POLICY_AGEING, stepUnits: 30 },
  'server, large nursery': { nursery: 1 << 20, policy: POLICY_INCREMENTAL | POLICY_COUNT_TYPES, stepUnits: 100 },
  'server, small budget': {
    nursery: 32 << 10,
    policy: POLICY_INCREMENTAL,
    stepUnits: 20,
    knobs: objects.KNOB_SMALL_BUDGET,
  },
  'server, unit steps': {
    nursery: 32 << 10,
    policy: POLICY_INCREMENTAL,
    knobs: objects.KNOB_SMALL_BUDGET | objects.KNOB_UNIT_STEPS,
  },
  'server, collecting at every allocation': {
    nursery: 64 << 10,
    policy: POLICY_INCREMENTAL | POLICY_AGEING,
    stress: everyAllocation,
  },
  'server, collecting by chance': {
    nursery: 32 << 10,
    policy: POLICY_INCREMENTAL,
    stress: [objects.STRESS_RANDOM, 5],
    stepUnits: 50,
  },
  'server, short mark stack': {
    nursery: 32 << 10,
    policy: POLICY_INCREMENTAL | POLICY_AGEING,
    stress: [objects.STRESS_ALLOCATIONS, 2],
    stepUnits: 40,
    knobs: objects.KNOB_SHORT_MARK_STACK,
  },
  'server, promotion fails': {
    nursery: 64 << 10,
    policy: POLICY_INCREMENTAL,
    stress: [objects.STRESS_ALLOCATIONS, 5],
    knobs: objects.KNOB_EVACUATION_FAILS,
  },
  'server, short log': {
    nursery: 64 << 10,
    policy: POLICY_INCREMENTAL | POLICY_AGEING,
    stress: [objects.STRESS_RANDOM, 7],
    knobs: objects.KNOB_SHORT_LOG,
  },
  'server, little memory': { nursery: 64 << 10, policy: POLICY_INCREMENTAL, limit: 640 << 10, stepUnits: 200 },
  'server, without assertions': {
    nursery: 32 << 10,
    policy: POLICY_INCREMENTAL,
    stress: [objects.STRESS_RANDOM, 9],
    stepUnits: 60,
    release: true,
  },
  'embedded, 64 KiB': { mode: 'embedded', policy: POLICY_COUNT_TYPES },
  'embedded, 10 kB': { mode: 'embedded', limit: 10_000 },
  // Out of memory most of the time, so that refusals are as common as successes.
  'embedded, 4 kB': { mode: 'embedded', limit: 4_000 },
  'embedded, moving at every allocation': { mode: 'embedded', policy: POLICY_MOVE_ALL, stress: everyAllocation },
  'embedded, moving at every allocation, 6 kB': {
    mode: 'embedded',
    policy: POLICY_MOVE_ALL,
    stress: everyAllocation,
    limit: 6_000,
  },
  'embedded, collecting at every allocation': { mode: 'embedded', stress: everyAllocation, limit: 20_000 },
  'embedded, collecting by bytes': { mode: 'embedded', policy: POLICY_MOVE_ALL, stress: [objects.STRESS_BYTES, 700] },
  'embedded, collecting by chance': { mode: 'embedded', stress: [objects.STRESS_RANDOM, 5], base: 4096 + 8 },
  'embedded, short mark stack': {
    mode: 'embedded',
    policy: POLICY_MOVE_ALL,
    stress: [objects.STRESS_ALLOCATIONS, 3],
    knobs: objects.KNOB_SHORT_MARK_STACK,
  },
  'embedded, short mark stack, 8 kB': { mode: 'embedded', limit: 8_000, knobs: objects.KNOB_SHORT_MARK_STACK },
  'embedded, without assertions': {
    mode: 'embedded',
    policy: POLICY_MOVE_ALL,
    stress: everyAllocation,
    limit: 12_000,
    release: true,
  },
}

/** The name of a setup that each seed draws anew: policies, knobs, sizes and places, whatever fits together. */
export const MIXED = 'mixed, with a nursery'

const KIB = 1024
const MIB = 1024 * KIB

function drawSetup(seed: number): Setup {
  const below = random(Math.imul(seed, 0x9e3779b1))
  const pick = <T>(list: readonly T[]) => list[below(list.length)] as T
  /** One of `flags`, or with the same chance none, for each. */
  const some = (flags: readonly number[]) => flags.reduce((all, flag) => all | (below(3) === 0 ? flag : 0), 0)
  const stress = pick([
    undefined,
    [objects.STRESS_ALLOCATIONS, 1 + below(6)] as const,
    [objects.STRESS_RANDOM, 2 + below(8)] as const,
    [objects.STRESS_BYTES, 300 + below(3000)] as const,
  ])
  return {
    policy:
      pick([0, POLICY_LAZY_SWEEP, POLICY_INCREMENTAL, POLICY_INCREMENTAL]) |
      some([POLICY_AGEING, POLICY_EVACUATE, POLICY_MOVE_ALL, POLICY_COUNT_TYPES]),
    knobs: some([
      objects.KNOB_SHORT_MARK_STACK,
      objects.KNOB_EVACUATION_FAILS,
      objects.KNOB_SHORT_LOG,
      objects.KNOB_SMALL_BUDGET,
      objects.KNOB_UNIT_STEPS,
    ]),
    limit: pick([MIB, 2 * MIB, 4 * MIB, 64 * MIB, 64 * MIB]),
    nursery: pick([32, 64, 128, 512]) * KIB,
    base: pick([0, 0, 3 * MIB + 4096]),
    stepUnits: pick([1, 10, 50, 200]),
    ...(stress && { stress }),
  }
}

/** Run one seed of a setup; the model at its end. Throws with the seed when heap and model differ. */
export function runObjectSeed(name: string, seed: number, steps: number): ObjectModel {
  const setup = name === MIXED ? drawSetup(seed) : objectSetups[name]
  if (!setup) throw new Error(`there is no setup '${name}'`)
  try {
    const kernel = new ObjectKernel(setup)
    const model = new ObjectModel(kernel, random(Math.imul(seed, 2654435761)))
    if (setup.stress) kernel.expectOk('setStress', ...setup.stress, seed)
    for (let i = 0; i < steps; i++) {
      model.step()
      // Cycles that begin at any time, not only when the budget says so.
      if (name === MIXED && i % 20 === 19) model.beginCycle()
    }
    model.check()
    model.finish()
    return model
  } catch (error) {
    throw new Error(`${name}, seed ${seed}: ${(error as Error).message}`, { cause: error })
  }
}
