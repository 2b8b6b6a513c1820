/**
 * Objects as a user of the package has them: views over handles, scopes, fields read and written through accessors.
 * Beside a typed array over the same memory, and plain JavaScript objects.
 */
import type { Heap } from '../../src/heap.js'
import type { View } from '../../src/objects/types.js'
import { ownCopy } from '../loops.js'
import { Item, viewHeap } from '../object-views.js'
import { judge, type Row } from '../result.js'
import { type Entrant, takeTurns, timed } from '../turns.js'
import type { Group } from './group.js'

const TYPED_ARRAY = 'typed array'
const VIEW = 'view'
const PLAIN = 'JavaScript object'
/** Objects whose fields are accessed in turn; few enough for the cache. */
const ITEMS = 1024
/** Reading a reference field takes a handle; so many are taken before their scope is closed. */
const SCOPE_ITEMS = 64

interface PlainItem {
  value: number
  next: PlainItem | null
}

/** A copy for each contestant; refers to nothing outside. */
function createFieldLoops() {
  return {
    read(items: readonly { value: number }[]): number {
      let sum = 0
      for (let i = 0; i < items.length; i++) sum = (sum + (items[i] as { value: number }).value) | 0
      return sum
    },
    write(items: readonly { value: number }[], value: number): void {
      for (let i = 0; i < items.length; i++) (items[i] as { value: number }).value = value
    },
    follow(items: readonly { next: unknown }[], from: number, to: number): number {
      let sum = 0
      for (let i = from; i < to; i++) sum += (items[i] as { next: unknown }).next === null ? 0 : 1
      return sum
    },
    readWords(words: Int32Array, addresses: Uint32Array): number {
      let sum = 0
      for (let i = 0; i < addresses.length; i++) sum = (sum + (words[(addresses[i] as number) >>> 2] as number)) | 0
      return sum
    },
    writeWords(words: Int32Array, addresses: Uint32Array, value: number): void {
      for (let i = 0; i < addresses.length; i++) words[(addresses[i] as number) >>> 2] = value
    },
    followWords(words: Int32Array, addresses: Uint32Array): number {
      let sum = 0
      for (let i = 0; i < addresses.length; i++) sum += words[(addresses[i] as number) >>> 2] === 0 ? 0 : 1
      return sum
    },
  }
}

interface Things {
  readonly heap: Heap
  readonly views: View<typeof Item>[]
  readonly plain: PlainItem[]
  /** Addresses of the field `value`, and of `next`. */
  readonly values: Uint32Array
  readonly nexts: Uint32Array
}

/** The scope stays open: the views are used as long as the process lives. */
function makeThings(): Things {
  const heap = viewHeap()
  heap.scope()
  const views = Array.from({ length: ITEMS }, (_, i) => heap.new(Item, { value: i }))
  const plain = views.map((_, i): PlainItem => ({ value: i, next: null }))
  for (const [i, view] of views.entries()) {
    const other = (i + 1) % ITEMS
    view.next = views[other] as View<typeof Item>
    ;(plain[i] as PlainItem).next = plain[other] as PlainItem
  }
  const offsetOf = (name: string) => Item.fields.find((field) => field.name === name)?.offset as number
  const addressesOf = (name: string) => Uint32Array.from(views, ({ reference }) => reference + offsetOf(name))
  return { heap, views, plain, values: addressesOf('value'), nexts: addressesOf('next') }
}

interface Access {
  readonly workload: string
  readonly once: readonly [contestant: string, run: () => unknown][]
}

function accessesOf({ heap, views, plain, values, nexts }: Things): Access[] {
  const loops = () => ownCopy(createFieldLoops)()
  const [ofWords, ofViews, ofPlain] = [loops(), loops(), loops()]
  const words = heap.raw.i32
  let value = 0
  const followScoped = () => {
    for (let from = 0; from < ITEMS; from += SCOPE_ITEMS) {
      const scope = heap.scope()
      ofViews.follow(views, from, from + SCOPE_ITEMS)
      scope.close()
    }
  }
  return [
    {
      workload: 'read of an i32',
      once: [
        [TYPED_ARRAY, () => ofWords.readWords(words, values)],
        [PLAIN, () => ofPlain.read(plain)],
        [VIEW, () => ofViews.read(views)],
      ],
    },
    {
      workload: 'write of an i32',
      once: [
        [TYPED_ARRAY, () => ofWords.writeWords(words, values, value++ & 0xffff)],
        [PLAIN, () => ofPlain.write(plain, value++ & 0xffff)],
        [VIEW, () => ofViews.write(views, value++ & 0xffff)],
      ],
    },
    {
      workload: `read of a reference; a scope for ${SCOPE_ITEMS} views`,
      once: [
        [TYPED_ARRAY, () => ofWords.followWords(words, nexts)],
        [PLAIN, () => ofPlain.follow(plain, 0, ITEMS)],
        [VIEW, followScoped],
      ],
    },
  ]
}

const fields: Group = {
  id: 'objects fields',
  section: 'Fields through views',
  run: async ({ rounds }) => {
    const rows: Row[] = []
    for (const { workload, once } of accessesOf(makeThings())) {
      const entrants = once.map(
        ([contestant, run]): Entrant => ({
          contestant,
          run: (operations) =>
            timed(() => {
              for (let done = 0; done < operations; done += ITEMS) run()
            }),
        }),
      )
      const figures = await takeTurns(entrants, TYPED_ARRAY, { rounds, operations: 1 << 20, leastOperations: ITEMS })
      rows.push(judge({ workload, unit: 'access', peer: TYPED_ARRAY, figures }, []))
    }
    return rows
  },
}

export const objectViewGroups: readonly Group[] = [fields]
