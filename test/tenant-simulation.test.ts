/**
 * Goal: a thousand tenants of one heap live, work, come to their limits, are killed and made again, and none of them
 * ever sees or loses a byte by what another does; when all have ended the heap is as if they had never been.
 *
 * Method: random work against a JavaScript `Map` of blocks with filler bytes for each tenant, and a list of numbers for
 * each that has objects. A block's bytes are looked at when it is freed, changed or its tenant ends, so also long after
 * others came to their limits. The touched tenant is verified often, all of them now and then. The seed is printed;
 * HEAPWRIGHT_SEED repeats it.
 *
 * A failure means that tenants are not apart from each other, or leave something behind.
 */
import { describe, expect, it } from 'vitest'
import {
  array,
  Heap,
  i32,
  OutOfMemoryError,
  type Root,
  ref,
  struct,
  type Tenant,
  TenantLimitError,
  u8,
  type View,
} from '../src/index.js'
import { random } from './support/random.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? Date.now() % 2 ** 31)
const PAGE = 65536

const Item = struct('Item', { value: i32, next: ref('Item'), pad: array(u8) })
type Item = View<typeof Item>

const SIZES = [16, 60, 200, 900, 3000, 20_000, 70_000, 300_000, 1_200_000]
/** One in so many is of the second mode, and so on; most are of the first. */
const MODES = ['manual', 'manual', 'manual', 'manual', 'compiler', 'vm', 'manual', 'manual', 'runtime', 'vm'] as const

interface Block {
  readonly bytes: number
  readonly fill: number
}

/** What a tenant should contain. */
class Guest {
  readonly tenant: Tenant
  readonly blocks = new Map<number, Block>()
  /** The values of a list of objects, the last made first. */
  values: number[] = []
  #list: Root<Item> | undefined
  readonly #below: (below: number) => number

  constructor(tenant: Tenant, below: (below: number) => number) {
    this.tenant = tenant
    this.#below = below
  }

  #bytes(address: number, bytes: number): Uint8Array {
    return this.tenant.raw.u8.subarray(address, address + bytes)
  }

  /** What `request` gives; undefined when there was no memory. */
  unless<T>(request: () => T): T | undefined {
    try {
      return request()
    } catch (error) {
      if (error instanceof OutOfMemoryError) return undefined
      throw error
    }
  }

  alloc(bytes: number): boolean {
    const address = this.unless(() => this.tenant.alloc(bytes))
    if (address !== undefined) this.#put(address, bytes)
    return address !== undefined
  }

  #put(address: number, bytes: number): void {
    const fill = 1 + this.#below(255)
    this.#bytes(address, bytes).fill(fill)
    this.blocks.set(address, { bytes, fill })
  }

  /** Look at a block's bytes: of long ones at some, but at the ends always. */
  #check(address: number): void {
    const { bytes, fill } = this.blocks.get(address) as Block
    const found = this.#bytes(address, bytes)
    const step = bytes > 4096 ? 997 : 1
    let wrong = bytes > 0 && found[bytes - 1] !== fill ? 1 : 0
    for (let i = 0; i < bytes; i += step) if (found[i] !== fill) wrong++
    expect(wrong, `bytes of ${this.tenant.id} that are not its own`).toBe(0)
  }

  #some(): number | undefined {
    return [...this.blocks.keys()][this.#below(this.blocks.size)]
  }

  free(): void {
    const address = this.#some()
    if (address === undefined) return
    this.#check(address)
    this.tenant.free(address)
    this.blocks.delete(address)
  }

  realloc(bytes: number): void {
    const address = this.#some()
    if (address === undefined) return
    this.#check(address)
    const { bytes: before, fill } = this.blocks.get(address) as Block
    const moved = this.unless(() => this.tenant.realloc(address, bytes))
    if (moved === undefined) return
    this.blocks.delete(address)
    this.blocks.set(moved, { bytes: Math.min(before, bytes), fill })
    this.#check(moved)
    this.#put(moved, bytes)
  }

  /** Put objects in front of the list, garbage beside it, or let go of it. */
  objects(): void {
    if (this.#below(12) === 0) this.#forget()
    using _scope = this.tenant.scope()
    for (let i = this.#below(60); i > 0; i--) {
      const value = this.#below(2 ** 30)
      const made = this.unless(() => this.tenant.new(Item, { value, pad: new Uint8Array(this.#below(80)) }))
      if (made === undefined) return
      if (this.#below(3) === 0) continue
      made.next = this.#list?.value ?? null
      const list = this.unless(() => this.tenant.root(made))
      if (list === undefined) return
      this.#list?.[Symbol.dispose]()
      this.#list = list
      this.values.push(value)
    }
  }

  #forget(): void {
    this.#list?.[Symbol.dispose]()
    this.#list = undefined
    this.values = []
  }

  reset(): void {
    this.tenant.reset()
    this.blocks.clear()
    this.#list = undefined
    this.values = []
  }

  expectWhole(): void {
    for (const address of this.blocks.keys()) this.#check(address)
    const { tenant } = this.tenant.stats()
    expect(tenant.blocks).toBeGreaterThanOrEqual(this.blocks.size)
    expect(tenant.heldBytes).toBeLessThanOrEqual(tenant.max)
    if (this.values.length === 0) return
    using _scope = this.tenant.scope()
    let item: Item | null = this.#list?.value ?? null
    for (let i = this.values.length - 1; i >= 0; i--) {
      expect(item?.value).toBe(this.values[i])
      item = (item?.next ?? null) as Item | null
    }
    expect(item).toBe(null)
  }
}

class Simulation {
  readonly heap: Heap
  readonly guests: Guest[] = []
  readonly #below: (below: number) => number
  readonly #debug: boolean
  #made = 0
  limitsMet = 0
  parentShort = 0

  constructor(seed: number, limit: string, debug: boolean) {
    this.#below = random(seed)
    this.#debug = debug
    this.heap = Heap.create({ limit, debug, reserve: true })
  }

  begin(): void {
    const mode = MODES[this.#below(MODES.length)] as (typeof MODES)[number]
    const least = mode === 'runtime' ? 8 * PAGE : 2 * PAGE
    const max = least + this.#below(4) * this.#below(20) * PAGE + this.#below(PAGE)
    try {
      const tenant = this.heap.tenant(`guest-${this.#made++}`, {
        mode,
        max: Math.min(max, this.heap.limitBytes),
        ...(this.#below(8) === 0 && { min: PAGE * 2 }),
        ...(this.#below(8) === 0 && { high: Math.floor(max / 2) }),
        ...(this.#below(8) === 0 && mode !== 'compiler' && { sizeClasses: 'pow2' }),
        debug: this.#debug,
      } as object)
      tenant.on('limit', ({ kind }) => {
        if (kind === 'max') this.limitsMet++
      })
      this.guests.push(new Guest(tenant, this.#below))
    } catch (error) {
      if (!(error instanceof OutOfMemoryError)) throw error
      if (!(error instanceof TenantLimitError)) this.parentShort++
    }
  }

  step(): Guest | undefined {
    const at = this.#below(this.guests.length)
    const guest = this.guests[at]
    if (!guest) return undefined
    const kind = this.#below(40)
    const bytes = this.#below(SIZES[this.#below(SIZES.length)] as number) + 1
    if (kind < 18) for (let i = this.#below(8); i >= 0; i--) guest.alloc(bytes)
    else if (kind < 27) guest.free()
    else if (kind < 30) guest.realloc(bytes)
    else if (kind < 35) {
      if (guest.tenant.mode !== 'compiler') guest.unless(() => guest.objects())
    } else if (kind < 36) guest.tenant.giveBack()
    else if (kind < 37) this.#setLimits(guest)
    else if (kind < 38) guest.reset()
    else if (kind < 39) this.#end(at)
    else if (guest.tenant.mode !== 'compiler') guest.unless(() => guest.tenant.collect())
    return guest
  }

  #setLimits(guest: Guest): void {
    const { heldBytes, min } = guest.tenant.stats().tenant
    const max = Math.max(heldBytes, min) + this.#below(30) * 10_000
    guest.tenant.setLimits({ max: Math.min(max, this.heap.limitBytes) })
  }

  #end(at: number): void {
    const [guest] = this.guests.splice(at, 1) as [Guest]
    guest.expectWhole()
    const { heldBytes, blocks } = guest.tenant.stats().tenant
    expect(this.#below(2) ? guest.tenant.kill() : guest.tenant.free()).toEqual({ bytes: heldBytes, blocks })
    this.begin()
  }

  expectAllWhole(): void {
    expect(this.heap.verify()).toEqual({ ok: true })
    for (const guest of this.guests) guest.expectWhole()
    const held = this.guests.reduce((sum, { tenant }) => sum + tenant.stats().tenant.heldBytes, 0)
    expect(this.heap.stats().tenantBytes).toBe(held)
  }

  endAll(): void {
    for (const { tenant } of this.guests.splice(0)) tenant.free()
  }
}

function run(seed: number, options: { limit: string; debug: boolean; guests: number; steps: number }): Simulation {
  const simulation = new Simulation(seed, options.limit, options.debug)
  const { heap } = simulation
  const own = heap.alloc(1000)
  const before = heap.stats().inUseBytes
  for (let i = 0; i < options.guests; i++) simulation.begin()
  for (let step = 1; step <= options.steps; step++) {
    const guest = simulation.step()
    if (step % 16 === 0 && guest && !guest.tenant.isEnded) expect(guest.tenant.verify()).toEqual({ ok: true })
    if (step % Math.ceil(options.steps / 4) === 0) simulation.expectAllWhole()
  }
  simulation.endAll()
  expect(heap.verify()).toEqual({ ok: true })
  expect(heap.stats()).toMatchObject({ inUseBytes: before, tenantBytes: 0, liveBlocks: 1 })
  heap.free(own)
  expect(heap.stats().inUseBytes).toBe(0)
  heap.close()
  return simulation
}

describe(`a thousand tenants, seed ${SEED}`, () => {
  it('work, meet their limits, are killed and made again beside each other', () => {
    const simulation = run(SEED, { limit: '1GiB', debug: false, guests: 1000, steps: 6000 })
    expect(simulation.limitsMet).toBeGreaterThan(50)
  })

  it('the same with assertions, and a heap around them that has not enough for all', () => {
    const simulation = run(SEED + 1, { limit: '24MiB', debug: true, guests: 120, steps: 3000 })
    expect(simulation.limitsMet).toBeGreaterThan(0)
    expect(simulation.parentShort).toBeGreaterThan(0)
  })
})
