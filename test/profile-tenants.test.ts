/**
 * Goal: a profile of a heap tells what its tenants allocate, tenant by tenant, whenever they begin and end.
 * Method: every allocation is sampled; what a profile counts for a tenant must be what the tenant's own walk over its
 * blocks finds.
 * A failure means: one tenant's memory is shown as another's, or is shown after it has ended.
 */
import { Profile } from 'pprof-format'
import { describe, expect, it } from 'vitest'
import { array, Heap, type Profiler, struct, type Tenant, u8 } from '../src/index.js'
import { random } from './support/random.js'

const SEED = Number(process.env.HEAPWRIGHT_SEED ?? 9)
const Text = struct('Text', { bytes: array(u8) })

/** Bytes in use by tenant, as the profile has it; the heap's own under ''. */
function inUse(profiler: Profiler): Record<string, number> {
  const found: Record<string, number> = {}
  for (const { tenant = '', sampledInUse, bytes } of profiler.samples) {
    if (sampledInUse > 0) found[tenant] = (found[tenant] ?? 0) + sampledInUse * bytes
  }
  return found
}

const walked = (heap: Heap) => [...heap.blocks()].reduce((total, { usableBytes }) => total + usableBytes, 0)

describe('a profile of tenants', () => {
  it(`tells them apart, those of before and those of later (seed ${SEED})`, () => {
    const heap = Heap.create({ limit: '128MiB' })
    const next = random(SEED)
    const early = heap.tenant('early')
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const late = heap.tenant('late')
    const inner = late.tenant('inner')
    const heaps: Record<string, Heap | Tenant> = { '': heap, early, late, 'late/inner': inner }
    const blocks: [Heap, number][] = []
    for (let i = 0; i < 800; i++) {
      const own = Object.values(heaps)[next(4)] as Heap
      if (next(3) > 0) blocks.push([own, own.alloc(60 + next(3000))])
      else if (blocks.length > 0) {
        const [of, address] = blocks.splice(next(blocks.length), 1)[0] as [Heap, number]
        of.free(address)
      }
    }
    expect(inUse(profiler)).toEqual(Object.fromEntries(Object.entries(heaps).map(([id, own]) => [id, walked(own)])))
  })

  it('tells a tenant in a tenant from one whose id looks like the way there', () => {
    const heap = Heap.create({ limit: '64MiB' })
    const early = heap.tenant('out/in')
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const inner = heap.tenant('out').tenant('in')
    const escaped = heap.tenant('out%2Fin')
    early.alloc(100)
    inner.alloc(200)
    escaped.alloc(300)
    const expected = { 'out%2Fin': walked(early), 'out/in': walked(inner), 'out%252Fin': walked(escaped) }
    expect(inUse(profiler)).toEqual(expected)
  })

  it('takes off what a tenant had when it ends, and knows the next of the same name', () => {
    const heap = Heap.create({ limit: '64MiB' })
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const guest = heap.tenant('guest')
    guest.alloc(500)
    guest.tenant('inner').alloc(600)
    expect(Object.keys(inUse(profiler)).sort()).toEqual(['guest', 'guest/inner'])
    guest.free()
    expect(inUse(profiler)).toEqual({})
    const again = heap.tenant('guest')
    again.alloc(100)
    expect(inUse(profiler)).toEqual({ guest: walked(again) })
    expect(profiler.samples.filter(({ tenant }) => tenant === 'guest').length).toBe(2)
  })

  it('counts the objects of one that collects, and stops with all of them', () => {
    const heap = Heap.create({ limit: '64MiB' })
    const profiler = heap.profile({ meanBytes: 1, seed: 1 })
    const guest = heap.tenant('guest', { mode: 'vm' })
    const scope = guest.scope()
    const kept = guest.root(guest.new(Text, {}, 100))
    guest.new(Text, {}, 300)
    scope.close()
    expect(profiler.samples.map(({ sampledInUse }) => sampledInUse)).toEqual([1, 1])
    guest.collect()
    expect(profiler.samples.map(({ sampledInUse }) => sampledInUse)).toEqual([1, 0])
    profiler.stop()
    heap.tenant('later').alloc(100)
    guest.alloc(100)
    expect(profiler.samples.length).toBe(2)
    kept.dispose()
    expect(heap.verify()).toEqual({ ok: true })
  })

  it('is of one alone when it is asked for a profile itself', () => {
    const heap = Heap.create({ limit: '64MiB' })
    const guest = heap.tenant('guest')
    using profiler = guest.profile({ meanBytes: 1, seed: 1 })
    heap.alloc(100)
    heap.tenant('other').alloc(100)
    guest.alloc(200)
    expect(inUse(profiler)).toEqual({ '': walked(guest) })
  })

  it('says whose a sample is in a label of pprof', () => {
    const heap = Heap.create({ limit: '64MiB' })
    using profiler = heap.profile({ meanBytes: 1, seed: 1 })
    heap.alloc(100)
    heap.tenant('guest').alloc(100)
    const { sample, stringTable } = Profile.decode(profiler.toPprof())
    const tenants = sample.map(({ label }) => {
      const found = label.find(({ key }) => stringTable.strings[Number(key)] === 'tenant')
      return found && stringTable.strings[Number(found.str)]
    })
    expect(tenants).toEqual([undefined, 'guest'])
  })
})
