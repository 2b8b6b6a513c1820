/**
 * The synthetic nodes of a snapshot: the root and the groups below it, each made when it is first needed. They take no
 * bytes of the heap.
 *
 * Ids: the root has 1, groups 3, 7, 11, … Objects have the address of their payload plus 1 and native nodes the address
 * they begin at, all multiples of 8, so that no two nodes have the same; native nodes that stand for many things have
 * 2, 6, 10, …
 */
import type { SnapshotBuilder } from './builder.js'

export const ROOT_ID = 1
const GROUP_ID_FIRST = 3
const SUM_ID_FIRST = 2
const ID_STEP = 4

export class Groups {
  readonly builder: SnapshotBuilder
  readonly root: number
  readonly #groups = new Map<string, number>()
  readonly #elements = new Map<number, number>()
  #nextGroupId = GROUP_ID_FIRST
  #nextSumId = SUM_ID_FIRST

  constructor(builder: SnapshotBuilder) {
    this.builder = builder
    this.root = builder.addNode('synthetic', '', ROOT_ID, 0)
  }

  /** The group of a name below another one, or below the root. */
  group(name: string, parent: number): number {
    const key = `${parent} ${name}`
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const node = this.builder.addNode('synthetic', name, this.#nextGroupId, 0)
    this.#nextGroupId += ID_STEP
    this.#groups.set(key, node)
    this.addChild(parent, node)
    return node
  }

  /** An edge from a group to the next of what it has. */
  addChild(group: number, child: number): void {
    const index = this.#elements.get(group) ?? 0
    this.#elements.set(group, index + 1)
    this.builder.addElement(index, group, child)
  }

  /** A native node in a group, for what begins at `address`. */
  addNative(group: number, name: string, address: number, bytes: number): number {
    const node = this.builder.addNode('native', name, address, bytes)
    this.addChild(group, node)
    return node
  }

  /** A native node in a group that stands for many things together; none for no bytes. */
  addSum(group: number, name: string, bytes: number): void {
    if (bytes === 0) return
    const node = this.builder.addNode('native', name, this.#nextSumId, bytes)
    this.#nextSumId += ID_STEP
    this.addChild(group, node)
  }
}
