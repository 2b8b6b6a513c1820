/** An intrusive doubly linked list in linear memory, see `kernel/bits/list.ts`. */
import {
  LIST_HEADER_BYTES,
  LIST_NODE_BYTES,
  STATUS_ELSEWHERE,
  STATUS_LINKED,
  STATUS_OUT_OF_RANGE,
} from '../../kernel/bits/layout.js'
import { STATUS_BAD_ARGUMENT, STATUS_OK } from '../../kernel/layout.js'
import { checkOptions } from '../arguments.js'
import { ArgumentError } from '../errors.js'
import { type Address, NULL } from '../types.js'
import { currentBits } from './kernel.js'
import { at, type BlockSource, checkedAddress, checkedCount, type Place, Structure, take } from './structure.js'

export interface SpliceOptions {
  /** Node of this list in front of which they go. Default: they go to the end. */
  readonly before?: number
  /** First node to move. Default: the first of the other list. */
  readonly first?: number
  /** How many to move. Default: 1 where `first` is given, else all. */
  readonly length?: number
}

/**
 * A doubly linked list through nodes that lie inside the user's own blocks: 12 bytes each, wherever in the block.
 * Linking allocates nothing. A node knows its list, so that linking it twice or removing it from a list it is not in
 * throws.
 *
 * A block must stay alive while its node is linked. Disposing the list does not touch its nodes: `clear()` it first
 * when they are to be linked again.
 */
export class LinkedList extends Structure {
  /** Bytes of the list itself. */
  static readonly bytes: number = LIST_HEADER_BYTES
  /** Bytes that the user keeps in each element. */
  static readonly nodeBytes: number = LIST_NODE_BYTES

  /** A new empty list. */
  static create(where: BlockSource | Place): LinkedList {
    const found = take(where, LIST_HEADER_BYTES)
    currentBits(found.memory).listInit(found.address)
    return new LinkedList('the list', found)
  }

  /** The list that stands there already. */
  static attach(place: Place): LinkedList {
    return new LinkedList('the list', at(place, LIST_HEADER_BYTES))
  }

  /**
   * Makes the twelve bytes at `node` a node of no list. Needed once before it is first linked, unless they are zero.
   */
  static prepare(memory: WebAssembly.Memory, node: number): void {
    currentBits(memory).nodeInit(checkedAddress('node', memory, node, LIST_NODE_BYTES))
  }

  get length(): number {
    return this.kernel.listCount(this.address) >>> 0
  }

  /** First node, or NULL. */
  get first(): Address {
    return unsigned(this.kernel.listFirst(this.address))
  }

  /** Last node, or NULL. */
  get last(): Address {
    return unsigned(this.kernel.listLast(this.address))
  }

  /** Whether `node` is in this list; constant time. */
  contains(node: number): boolean {
    return this.kernel.listContains(this.address, this.#node('node', node)) === 1
  }

  /** The node behind `node`, which is in this list, or NULL. */
  next(node: number): Address {
    return unsigned(this.kernel.nodeNext(this.#member('node', node)))
  }

  /** The node in front of `node`, which is in this list, or NULL. */
  prev(node: number): Address {
    return unsigned(this.kernel.nodePrev(this.#member('node', node)))
  }

  pushFront(node: number): void {
    expectOk('node', node, this.kernel.listPushFront(this.address, this.#node('node', node)))
  }

  pushBack(node: number): void {
    expectOk('node', node, this.kernel.listPushBack(this.address, this.#node('node', node)))
  }

  /** Links `node` in front of `place`, a node of this list. */
  insertBefore(place: number, node: number): void {
    this.#member('place', place)
    expectOk('node', node, this.kernel.listInsertBefore(this.address, place, this.#node('node', node)))
  }

  /** Links `node` behind `place`, a node of this list. */
  insertAfter(place: number, node: number): void {
    this.#member('place', place)
    expectOk('node', node, this.kernel.listInsertAfter(this.address, place, this.#node('node', node)))
  }

  remove(node: number): void {
    this.kernel.listRemove(this.address, this.#member('node', node))
  }

  /** Removes the first node and gives it, or NULL. */
  popFront(): Address {
    return unsigned(this.kernel.listPopFront(this.address))
  }

  /** Removes the last node and gives it, or NULL. */
  popBack(): Address {
    return unsigned(this.kernel.listPopBack(this.address))
  }

  /** Removes every node; linear. */
  clear(): void {
    this.kernel.listClear(this.address)
  }

  /** Moves nodes of `from`, in their order, into this list; linear in their number. `from` may be this list itself. */
  splice(from: LinkedList, options: SpliceOptions = {}): void {
    checkOptions('options', options, ['before', 'first', 'length'])
    if (from.memory !== this.memory) throw new ArgumentError('from', from.address, 'a list in the same memory')
    const before = options.before === undefined ? NULL : this.#member('before', options.before)
    const first = options.first === undefined ? from.first : from.#member('first', options.first)
    const length = options.length ?? (options.first === undefined ? from.length : 1)
    checkedCount('length', length, from.length)
    expectOk('length', length, this.kernel.listSplice(this.address, before, from.address, first, length))
  }

  /** Whether every invariant of the list holds; a walk over all of it. */
  verify(): boolean {
    return this.kernel.listVerify(this.address) === STATUS_OK
  }

  /** The nodes, first to last. The node just given may be removed meanwhile. */
  *[Symbol.iterator](): IterableIterator<Address> {
    let node = this.first
    while (node !== NULL) {
      const next = this.next(node)
      yield node
      node = next
    }
  }

  #node(argument: string, node: number): Address {
    return checkedAddress(argument, this.memory, node, LIST_NODE_BYTES)
  }

  #member(argument: string, node: number): Address {
    const address = this.#node(argument, node)
    if (!this.contains(address)) throw new ArgumentError(argument, node, 'a node of the list')
    return address
  }
}

/** What a call that answered this status would have needed. Null and foreign nodes are refused before the call. */
const EXPECTATIONS: Readonly<Record<number, string>> = {
  [STATUS_LINKED]: 'a node that is not yet in the list',
  [STATUS_ELSEWHERE]: 'a node that is in no other list',
  [STATUS_OUT_OF_RANGE]: 'at most the number of nodes from `first` on',
  [STATUS_BAD_ARGUMENT]: 'a number of nodes that does not reach `before`',
}

function expectOk(argument: string, value: number, status: number): void {
  if (status !== STATUS_OK) throw new ArgumentError(argument, value, EXPECTATIONS[status] ?? 'a sound list')
}

function unsigned(address: number): Address {
  return (address >>> 0) as Address
}
