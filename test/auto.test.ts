/**
 * Goal: `mode: 'auto'` takes a mode and sizes that fit the machine, says why, and yields to what is given.
 * Method: machines written down, one for each rule and on both sides of each threshold; any machine at all by
 * fast-check, whose choice must be a heap that works; then the options of `Heap.create`.
 * A failure means a heap that the machine cannot hold, one that is far too small, or a reason that is not true.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { settleMode } from '../src/auto.js'
import {
  ArgumentError,
  AUTO_MODES,
  type AutoMode,
  chooseMode,
  detectMachine,
  Heap,
  type HeapOptions,
  type Machine,
  MODE_RULES,
  type Size,
  type Wishes,
} from '../src/index.js'
import { planHeap } from '../src/options.js'
import { CONTAINER, SERVICE, systemOf } from './support/machines.js'
import { expectSound, thrownBy } from './support/refusal.js'

const KIB = 2 ** 10
const MIB = 2 ** 20
const GIB = 2 ** 30
const ADDRESS_LIMIT = 4 * GIB - 64 * KIB

const figure = (bytes: number, source = 'a test') => ({ bytes, source })
const machineOf = (totalBytes: number, availableBytes = totalBytes): Machine => ({
  total: figure(totalBytes),
  available: figure(availableBytes),
})
const pressure = (avg10Percent: number) => ({
  some: { avg10Percent, avg60Percent: 0, avg300Percent: 0, totalMs: 0 },
  source: 'a test',
})
const pick = (machine: Machine, wishes?: Wishes) => {
  const { mode, options } = chooseMode(machine, wishes)
  return { mode, ...options }
}

describe('the rules of the mode', () => {
  const table: [string, Machine, Wishes, AutoMode][] = [
    ['less than a MiB', machineOf(MIB - 1), {}, 'embedded'],
    ['less than a MiB, whatever is wished', machineOf(MIB - 1), { latency: true }, 'embedded'],
    ['a MiB', machineOf(MIB), {}, 'vm'],
    ['short pauses', machineOf(8 * GIB), { latency: true }, 'server'],
    ['a pause goal', machineOf(8 * GIB), { pauseGoalMs: 2 }, 'server'],
    ['short pauses under pressure', { ...machineOf(GIB), pressure: pressure(50) }, { latency: true }, 'server'],
    ['short pauses not wished', machineOf(8 * GIB), { latency: false }, 'runtime'],
    ['less than 64 MiB', machineOf(64 * MIB - 1), {}, 'vm'],
    ['64 MiB', machineOf(64 * MIB), {}, 'runtime'],
    ['pressure', { ...machineOf(GIB), pressure: pressure(10) }, {}, 'vm'],
    ['hardly pressure', { ...machineOf(GIB), pressure: pressure(9.99) }, {}, 'runtime'],
    ['little available', machineOf(GIB, GIB / 10 - 1), {}, 'vm'],
    ['a tenth available', machineOf(1000 * MIB, 100 * MIB), {}, 'runtime'],
    ['a group with little', { ...machineOf(GIB), limit: figure(63 * MIB) }, {}, 'vm'],
    ['a group that is nearly full', { ...machineOf(GIB), limit: figure(GIB / 2), left: figure(MIB) }, {}, 'vm'],
    ['a group above the machine', { ...machineOf(GIB), limit: figure(2 * GIB) }, {}, 'runtime'],
    ['a given limit that is small', machineOf(GIB), { limit: '63MiB' }, 'vm'],
    ['a given limit that is tiny', machineOf(GIB), { limit: '64KiB' }, 'embedded'],
    ['nothing known', {}, {}, 'runtime'],
  ]
  it.each(table)('%s', (_, machine, wishes, mode) => {
    const { mode: chosen, reasons } = chooseMode(machine, wishes)
    expect(chosen).toBe(mode)
    expect(reasons.filter((reason) => reason.startsWith(`mode '${mode}': `))).toHaveLength(1)
  })

  it('pass over modes without what is wished', () => {
    const wishes = { nursery: '1MiB', old: '4MiB' }
    for (const machine of [machineOf(32 * MIB), { ...machineOf(GIB), pressure: pressure(50) }, machineOf(GIB, MIB)]) {
      const { mode, options, reasons } = chooseMode(machine, wishes)
      expect([mode, options.nursery, options.old]).toEqual(['runtime', MIB, 4 * MIB])
      expect(reasons.join('\n')).toMatch(/not mode 'vm', although .*: it does not fit what is given/)
      expect(reasons).toContain("mode 'runtime': it fits what is given")
    }
    expect(chooseMode(machineOf(MIB / 2), { latency: true, old: 0 }).mode).toBe('server')
    expect(chooseMode(machineOf(GIB), { limit: '128KiB', latency: true, among: ['vm', 'server'] }).mode).toBe('vm')
  })

  it('each decide at least one case above', () => {
    const withoutFigures = (text = '') => text.replace(/[\d.]+( \w?i?B\b)?/g, '')
    const used = table.map(([, machine, wishes]) =>
      withoutFigures(chooseMode(machine, wishes).reasons.find(isModeReason)),
    )
    const facts = { memory: figure(1), available: figure(1), isScarce: false, isPressed: false, wantsLatency: false }
    for (const { mode, because } of MODE_RULES) {
      expect(used).toContain(`mode '${mode}': ${withoutFigures(because({ ...facts, stalledPercent: 1 }))}`)
    }
  })

  it('pass over a mode that is not among those that will do, and say so', () => {
    const { mode, reasons } = chooseMode(machineOf(32 * MIB), { among: ['runtime', 'server'] })
    expect(mode).toBe('runtime')
    expect(reasons.join('\n')).toContain("not mode 'vm', although 32 MiB are less than 64 MiB")
    expect(chooseMode(machineOf(GIB), { among: ['embedded'] })).toMatchObject({
      mode: 'embedded',
      options: { limit: 64 * MIB },
    })
  })
})

const isModeReason = (reason: string) => reason.startsWith('mode ')

describe('the sizes', () => {
  it('half of the memory, at most four fifths of what is available', () => {
    expect(pick(machineOf(GIB)).limit).toBe(GIB / 2)
    expect(pick(machineOf(GIB, 500 * MIB)).limit).toBe(400 * MIB)
    expect(pick({ ...machineOf(24 * GIB), limit: figure(GIB), left: figure(GIB / 2) }).limit).toBe(
      Math.floor((0.8 * GIB) / 2 / 65536) * 65536,
    )
  })

  it('a quarter and a half under pressure', () => {
    expect(pick({ ...machineOf(GIB), pressure: pressure(40) }).limit).toBe(GIB / 4)
    expect(pick({ ...machineOf(GIB, 200 * MIB), pressure: pressure(40) }).limit).toBe(100 * MIB)
  })

  it('from 16 MiB, or the share where that is less, to 4 GiB − 64 KiB', () => {
    expect(pick(machineOf(GIB, MIB)).limit).toBe(16 * MIB)
    expect(pick(machineOf(20 * MIB, 1)).limit).toBe(10 * MIB)
    expect(pick(machineOf(64 * GIB)).limit).toBe(ADDRESS_LIMIT)
    expect(pick(machineOf(1))).toEqual({ mode: 'embedded', limit: 2048 })
  })

  it('what is not known is assumed, and said to be', () => {
    const { options, reasons } = chooseMode({})
    expect(options.limit).toBe(Math.floor((0.4 * GIB) / 65536) * 65536)
    expect(reasons.slice(0, 2).join()).toMatch(/1 GiB \(assumed\).*512 MiB \(nobody tells/)
    // A browser's.
    expect(pick({ total: figure(8 * GIB) }).limit).toBe(Math.floor((0.8 * 4 * GIB) / 65536) * 65536)
  })

  it('the nursery and `old` follow the limit', () => {
    expect(pick(machineOf(8 * GIB))).toEqual({ mode: 'runtime', limit: ADDRESS_LIMIT, nursery: 2 * MIB, old: 32 * MIB })
    expect(pick(machineOf(64 * MIB))).toEqual({ mode: 'runtime', limit: 32 * MIB, nursery: 2 * MIB, old: 8 * MIB })
    expect(pick(machineOf(64 * MIB, 30 * MIB))).toMatchObject({ limit: 24 * MIB, nursery: MIB, old: 6 * MIB })
    const latency = true
    expect(pick(machineOf(GIB), { latency })).toMatchObject({ nursery: 512 * KIB, old: 32 * MIB })
    expect(pick(machineOf(4 * MIB), { latency })).toMatchObject({ limit: 2 * MIB, nursery: 128 * KIB, old: 512 * KIB })
    expect(pick(machineOf(MIB), { latency })).toMatchObject({ limit: 512 * KIB, nursery: 32 * KIB, old: 128 * KIB })
    expect(pick(machineOf(32 * MIB))).toEqual({ mode: 'vm', limit: 16 * MIB })
  })

  it('the nursery and `old` are those of the same mode and limit without `auto`', () => {
    for (const mode of ['runtime', 'server'] as const) {
      for (let limit = 256 * KIB; limit < 4 * GIB; limit = Math.ceil(limit * 1.7)) {
        const { nursery, old } = pick(machineOf(8 * GIB), { limit, among: [mode] })
        const plan = planHeap({ mode, limit, initial: 0 }).objects?.nursery
        expect([nursery, old], `${mode}, ${limit}`).toEqual([plan?.youngBytes, plan?.oldBytes])
      }
    }
  })

  it('given ones are taken as they are', () => {
    const given = { limit: '100MiB', nursery: '1MiB', old: 5_000_000 }
    const { options, reasons } = chooseMode(machineOf(8 * GIB), given)
    expect(options).toEqual({ limit: 100 * MIB, nursery: MIB, old: 5_000_000 })
    expect(reasons.slice(-3)).toEqual(['limit 100 MiB: given', 'nursery 1 MiB: given', 'old 4.77 MiB: given'])
    expect(chooseMode(machineOf(GIB), { limit: '2GiB' }).reasons).toContain('limit 2 GiB: given, more than there is')
    expect(pick(machineOf(8 * GIB), { room: 10 * MIB })).toMatchObject({ mode: 'runtime', limit: 10 * MIB })
  })
})

describe('refused wishes', () => {
  const table: [string, unknown][] = [
    ['wishes', []],
    ['wishes', { speed: true }],
    ['latency', { latency: 1 }],
    ['pauseGoalMs', { pauseGoalMs: 0 }],
    ['pauseGoalMs', { pauseGoalMs: '2ms' }],
    ['limit', { limit: '64M' }],
    ['nursery', { nursery: -1 }],
    ['old', { old: 'much' }],
    ['room', { room: Number.NaN }],
    ['limit', { limit: 10 }],
    ['limit', { limit: 2 ** 32 }],
    ['limit', { limit: '100MiB', among: ['embedded'] }],
    ['limit', { limit: '128KiB', old: '64KiB' }],
    ['limit', { limit: null }],
    ['nursery', { nursery: 'junk' }],
    ['nursery', { nursery: '31KiB' }],
    ['nursery', { nursery: '65MiB' }],
    ['nursery', { nursery: '3MiB', limit: '8MiB' }],
    ['nursery', { nursery: '1MiB', among: ['vm', 'embedded'] }],
    ['old', { old: '9MiB', limit: '8MiB' }],
    ['initial', { initial: '9MiB', limit: '8MiB' }],
    ['initial', { initial: 0, among: ['embedded'] }],
    ['old', { old: '1MiB', among: ['vm'] }],
    ['room', { room: 2047 }],
    ['room', { room: '100KiB', nursery: '64KiB' }],
    ['among', { among: [] }],
    ['among', { among: ['manual'] }],
  ]
  it.each(table)('%s: %o', (argument, wishes) => {
    const error = thrownBy(() => chooseMode(machineOf(GIB), wishes as Wishes))
    expect(error).toBeInstanceOf(ArgumentError)
    expect(error).toMatchObject({ argument })
  })

  it('on a machine with any memory', () => {
    for (const machine of [machineOf(1), machineOf(32 * MIB), { ...machineOf(GIB), pressure: pressure(50) }]) {
      for (const wishes of [{ nursery: 'junk' }, { old: -1 }, { limit: 10 }, { room: 'none' }]) {
        const [argument] = Object.keys(wishes)
        expect(thrownBy(() => chooseMode(machine, wishes))).toMatchObject({ code: 'HW_ARGUMENT', argument })
      }
    }
  })
})

describe('any machine', () => {
  const bytes = fc.oneof(
    fc.integer({ min: 0, max: 45 }).map((power) => 2 ** power),
    fc.maxSafeNat(),
    fc.integer({ min: 0, max: 2 ** 27 }),
  )
  const figures = fc.option(bytes.map(figure), { nil: undefined })
  const machines = fc.record({
    total: figures,
    available: figures,
    limit: figures,
    left: figures,
    pressure: fc.option(fc.integer({ min: 0, max: 100 }).map(pressure), { nil: undefined }),
  })
  const wishes = fc.record({ latency: fc.boolean(), among: fc.subarray([...AUTO_MODES], { minLength: 1 }) })

  it('gives sizes that fit it and each other', () => {
    fc.assert(
      fc.property(machines, wishes, (machine, wish) => {
        const { mode, options, reasons } = chooseMode(machine, wish)
        const { limit, nursery, old } = options
        expect(wish.among).toContain(mode)
        expect(Number.isInteger(limit) && limit >= 2048 && limit <= ADDRESS_LIMIT).toBe(true)
        const there = Math.min(machine.total?.bytes ?? GIB, machine.limit?.bytes ?? Number.POSITIVE_INFINITY)
        expect(limit).toBeLessThanOrEqual(Math.max(there / 2, 256 * KIB))
        expect([nursery === undefined, old === undefined]).toEqual(Array(2).fill(mode === 'vm' || mode === 'embedded'))
        if (nursery !== undefined && old !== undefined) {
          expect(Number.isInteger(Math.log2(nursery)) && nursery >= 32 * KIB).toBe(true)
          expect(nursery).toBeLessThanOrEqual(Math.max(32 * KIB, limit / 16))
          expect(old).toBeLessThanOrEqual(limit / 4)
        }
        expect(reasons.length).toBeGreaterThanOrEqual(4)
        for (const reason of reasons) expect(reason).not.toMatch(/undefined|NaN|Infinity/)
      }),
      { numRuns: 1000 },
    )
  })

  it('gives options of which a heap can be made', () => {
    fc.assert(
      fc.property(machines, wishes, (machine, wish) => {
        const { mode, options } = chooseMode(machine, wish)
        const small = mode === 'embedded' ? {} : { initial: 0 }
        const heap = Heap.create({ mode, ...options, ...small } as HeapOptions)
        expect([heap.mode, heap.limitBytes]).toEqual([mode, options.limit])
        expectSound(heap)
        heap.close()
      }),
      { numRuns: 60 },
    )
  })
})

describe("Heap.create({ mode: 'auto' })", () => {
  const service = () => detectMachine(systemOf(SERVICE))
  const settle = (options: HeapOptions, detect = service) => settleMode({ mode: 'auto', ...options }, detect)

  it('makes a heap on this machine and tells how', () => {
    const heap = Heap.create({ mode: 'auto' })
    expect(AUTO_MODES).toContain(heap.mode)
    expect(heap.choice).toMatchObject({ mode: heap.mode, options: { limit: heap.limitBytes } })
    expect(heap.stats().mode).toBe(heap.mode)
    expectSound(heap)
    expect(Heap.create({ mode: 'vm', limit: '1MiB' }).choice).toBeUndefined()
  })

  it('decides by the machine: a service, a container under pressure', () => {
    // 3 GiB of which 1.5 are left.
    expect(settle({}).choice).toMatchObject({
      mode: 'runtime',
      options: { limit: 1228.75 * MIB },
    })
    const container = settle({}, () => detectMachine(systemOf(CONTAINER)))
    expect(container.choice).toMatchObject({ mode: 'vm', options: { limit: 128 * MIB } })
    expect(container.options).toMatchObject({ mode: 'vm', limit: 128 * MIB })
  })

  it('leaves other modes alone and asks nobody', () => {
    const options: HeapOptions = { mode: 'vm', limit: 5 }
    const settled = settleMode(options, () => {
      throw new Error('asked')
    })
    expect(settled).toEqual({ options, choice: undefined })
  })

  it.each<[HeapOptions, number, string]>([
    [{ initial: '128MiB' }, 128 * MIB, 'limit 128 MiB: no less, for `initial` is given'],
    [{ nursery: '32MiB' }, 128 * MIB, 'limit 128 MiB: no less, for `nursery` is given'],
    [{ nursery: 16 * MIB + 4 }, 64 * MIB + 64 * KIB, 'limit 64.06 MiB: no less, for `nursery` is given'],
    [{ old: '256MiB' }, 256 * MIB, 'limit 256 MiB: no less, for `old` is given, more than there is'],
    [{ old: '70MiB', nursery: '20MiB', initial: 0 }, 80 * MIB, 'limit 80 MiB: no less, for `nursery` is given'],
    [{ old: '64MiB', nursery: '16MiB' }, 64 * MIB, 'limit 64 MiB: 50 % of the memory'],
  ])('given sizes raise the chosen limit: %j', (given, limit, reason) => {
    const { options, choice } = settle(given, () => machineOf(128 * MIB))
    expect(options).toMatchObject({ ...given, limit })
    expect(choice?.reasons).toContain(reason)
    expectSound(Heap.create(options))
  })

  it('given sizes that no limit can hold are refused with the limit that was chosen, and why', () => {
    const memory = new WebAssembly.Memory({ initial: 65535 - 64, maximum: 65536 })
    const limit = /the limit that was chosen, 4194304 bytes: the room in the given memory/
    const cases: [string, HeapOptions, RegExp][] = [
      ['initial', { initial: '5GiB' }, /the limit that was chosen, 4294901760 bytes: the most of mode/],
      ['old', { old: '5GiB' }, /the limit that was chosen, 4294901760 bytes: the most of mode 'runtime'/],
      ['old', { memory, old: '5MiB' }, limit],
      ['nursery', { memory, nursery: '2MiB' }, limit],
      ['nursery', { nursery: '65MiB' }, /from 32768 to 67108864 bytes, the most of any nursery/],
    ]
    for (const [argument, options, text] of cases) {
      const error = thrownBy(() => settle(options, () => machineOf(128 * MIB)))
      expect(error).toMatchObject({ code: 'HW_ARGUMENT', argument })
      expect(String(error)).toMatch(text)
    }
  })

  it('ranges and memories that are too short for what is given are named themselves', () => {
    const memory = new WebAssembly.Memory({ initial: 65535, maximum: 65536 })
    const table: [string, HeapOptions][] = [
      ['memory', { memory }],
      ['end', { memory, base: 0, end: 100 }],
      ['end', { memory, base: 0, end: 100_000, nursery: '1MiB' }],
      ['initial', { memory, initial: '1MiB' }],
    ]
    for (const [argument, options] of table) {
      expect(thrownBy(() => Heap.create({ mode: 'auto', ...options }))).toMatchObject({ code: 'HW_ARGUMENT', argument })
    }
  })

  it('what is given wins, and undefined is not given', () => {
    const { options, choice } = settle({ limit: '100MiB', name: 'mine', initial: undefined as unknown as Size })
    expect(options).toMatchObject({ mode: 'runtime', limit: '100MiB', name: 'mine' })
    expect(choice?.options.limit).toBe(100 * MIB)
    expect(Heap.create({ mode: 'auto', limit: '3MiB', debug: true }).limitBytes).toBe(3 * MIB)
  })

  it('a mode that lacks a given option is passed over', () => {
    const tiny = () => machineOf(512 * KIB)
    expect(settle({}, tiny).options.mode).toBe('embedded')
    for (const options of [{ sizeClasses: 'pow2' }, { evacuate: false }, { initial: 0 }] as HeapOptions[]) {
      const { options: settled, choice } = settle(options, tiny)
      expect(settled.mode).toBe('vm')
      expect(choice?.reasons.join('\n')).toContain("not mode 'embedded'")
    }
    expect(settle({ shadowStack: 8 }, tiny).options.mode).toBe('embedded')
    expect(Heap.create({ mode: 'auto', limit: '512KiB' }).mode).toBe('embedded')
    expect(Heap.create({ mode: 'auto', limit: '512KiB', sizeClasses: 'pow2' }).mode).toBe('vm')
  })

  it('lives in a given range, or above a given memory', () => {
    const memory = new WebAssembly.Memory({ initial: 64, maximum: 65535 })
    const small = Heap.create({ mode: 'auto', memory, base: 65536, end: 131072 })
    expect([small.mode, small.limitBytes]).toEqual(['embedded', 65536])
    const large = Heap.create({ mode: 'auto', memory, base: 2 ** 20 })
    expect([large.mode, large.limitBytes]).toEqual(['vm', 3 * MIB])
    const above = Heap.create({ mode: 'auto', memory })
    expect(above.limitBytes).toBeLessThanOrEqual(ADDRESS_LIMIT - 4 * MIB)
    for (const heap of [small, large, above]) expectSound(heap)
    // Embedded heaps are made of bytes that are there.
    const short = new WebAssembly.Memory({ initial: 1, maximum: 65535 })
    expect(settle({ memory: short, base: 0, end: 131072 }).options.mode).toBe('vm')
    expect(settle({ memory }, () => machineOf(512 * KIB)).options).toMatchObject({ mode: 'vm', limit: 256 * KIB })
  })

  it('refuses what contradicts itself with the usual errors', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2 })
    const table: [string, unknown][] = [
      ['limit', { limit: '64M' }],
      ['limit', { limit: 100 }],
      ['limit', { limit: 2 ** 32 }],
      ['options', { limits: 5 }],
      ['initial', { limit: '8MiB', initial: '9MiB' }],
      ['base', { base: 5 }],
      ['memory', { memory: {} }],
      ['base', { memory, base: 1.5 }],
      ['end', { memory, base: 0, end: 5n }],
      ['evacuate', { evacuate: 'yes' }],
    ]
    for (const [argument, options] of table) {
      const error = thrownBy(() => Heap.create({ mode: 'auto', ...(options as HeapOptions) }))
      expect(error, argument).toBeInstanceOf(ArgumentError)
      expect(error).toMatchObject({ argument })
    }
    expect(String(thrownBy(() => Heap.create({ mode: 'best' as 'auto' })))).toContain('auto')
  })
})
