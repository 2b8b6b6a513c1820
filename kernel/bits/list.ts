/**
 * An intrusive doubly linked list that knows its members. Layout and invariants: `layout.ts`.
 *
 * A node lies inside the element that it links, so linking allocates nothing. The list is a ring through its header,
 * whose first two words lie where a node has `next` and `prev`: linking and unlinking have no special case at either
 * end. Every node names its owner; so a node that is linked twice, or removed from a list that it is not in, is refused
 * with a status and nothing changes, in constant time. The price is one word a node, and a splice that is linear in
 * what it moves.
 *
 * A node's memory must be prepared once with `nodeInit` (twelve zero bytes). Neither a list nor a node may be at
 * address 0.
 */
import { STATUS_BAD_ARGUMENT, STATUS_CORRUPT, STATUS_OK } from '../layout'
import { STATUS_ELSEWHERE, STATUS_LINKED, STATUS_OUT_OF_RANGE, STATUS_UNLINKED } from './layout'

/** A node; a list's header seen as one has its count in the owner's place. */
@unmanaged
class Node {
  next: usize
  prev: usize
  owner: usize
}

@unmanaged
class List {
  head: usize
  tail: usize
  count: u32
}

/** Makes an empty list. Nodes that an earlier list at this address held are not touched. */
// @ts-ignore: decorator
@inline
export function listInit(list: usize): void {
  const header = changetype<List>(list)
  header.head = list
  header.tail = list
  header.count = 0
}

/** Makes a node that is in no list. */
// @ts-ignore: decorator
@inline
export function nodeInit(node: usize): void {
  const links = changetype<Node>(node)
  links.next = 0
  links.prev = 0
  links.owner = 0
}

// ---- looking -------------------------------------------------------------------------------------------------------

// @ts-ignore: decorator
@inline
export function listCount(list: usize): u32 {
  return changetype<List>(list).count
}

/** Whether `node` is in `list`, by its owner: constant time. 1 or 0. */
// @ts-ignore: decorator
@inline
export function listContains(list: usize, node: usize): u32 {
  return node != 0 && changetype<Node>(node).owner == list ? 1 : 0
}

/** The list that `node` is in, or 0. */
// @ts-ignore: decorator
@inline
export function nodeOwner(node: usize): usize {
  return changetype<Node>(node).owner
}

/** First node, 0 when the list is empty. */
// @ts-ignore: decorator
@inline
export function listFirst(list: usize): usize {
  const node = changetype<List>(list).head
  return node == list ? 0 : node
}

/** Last node, 0 when the list is empty. */
// @ts-ignore: decorator
@inline
export function listLast(list: usize): usize {
  const node = changetype<List>(list).tail
  return node == list ? 0 : node
}

/** Node behind `node`; 0 behind the last and for a node in no list. */
// @ts-ignore: decorator
@inline
export function nodeNext(node: usize): usize {
  const links = changetype<Node>(node)
  return links.next == links.owner ? 0 : links.next
}

/** Node in front of `node`; 0 in front of the first and for a node in no list. */
// @ts-ignore: decorator
@inline
export function nodePrev(node: usize): usize {
  const links = changetype<Node>(node)
  return links.prev == links.owner ? 0 : links.prev
}

// ---- inserting: OK; BAD_ARGUMENT for node 0; LINKED or ELSEWHERE when the node is in a list already ----------------

// @ts-ignore: decorator
@inline
export function listPushFront(list: usize, node: usize): u32 {
  return linkAfter(list, list, node)
}

// @ts-ignore: decorator
@inline
export function listPushBack(list: usize, node: usize): u32 {
  return linkAfter(list, changetype<List>(list).tail, node)
}

/** In front of `place`, which must be in `list`: else UNLINKED or ELSEWHERE. */
export function listInsertBefore(list: usize, place: usize, node: usize): u32 {
  const status = membership(list, place)
  return status != STATUS_OK ? status : linkAfter(list, changetype<Node>(place).prev, node)
}

/** Behind `place`, which must be in `list`: else UNLINKED or ELSEWHERE. */
export function listInsertAfter(list: usize, place: usize, node: usize): u32 {
  const status = membership(list, place)
  return status != STATUS_OK ? status : linkAfter(list, place, node)
}

// ---- removing ------------------------------------------------------------------------------------------------------

/** OK; UNLINKED when the node is in no list, ELSEWHERE when it is in another one, BAD_ARGUMENT for node 0. */
// @ts-ignore: decorator
@inline
export function listRemove(list: usize, node: usize): u32 {
  const status = membership(list, node)
  if (status == STATUS_OK) unlink(list, node)
  return status
}

/** Removes the first node and gives it; 0 when the list is empty. */
// @ts-ignore: decorator
@inline
export function listPopFront(list: usize): usize {
  const node = listFirst(list)
  if (node != 0) unlink(list, node)
  return node
}

/** Removes the last node and gives it; 0 when the list is empty. */
// @ts-ignore: decorator
@inline
export function listPopBack(list: usize): usize {
  const node = listLast(list)
  if (node != 0) unlink(list, node)
  return node
}

/** Removes every node. Linear, because each forgets its owner. */
export function listClear(list: usize): void {
  let node = changetype<List>(list).head
  listInit(list)
  while (node != list) {
    const next = changetype<Node>(node).next
    nodeInit(node)
    node = next
  }
}

/**
 * Moves `count` nodes of `from`, beginning with `first`, in front of `place` in `to`; place 0 is the end. `from` and
 * `to` may be the same list. Linear in `count`. Nothing changes unless the answer is OK:
 *   UNLINKED, ELSEWHERE   `first` is not in `from`, or `place` not in `to`
 *   OUT_OF_RANGE          `from` has fewer than `count` nodes from `first` on
 *   BAD_ARGUMENT          `place` is among the nodes to move, or `first` is 0 though `count` is not
 */
export function listSplice(to: usize, place: usize, from: usize, first: usize, count: u32): u32 {
  if (place != 0) {
    const status = membership(to, place)
    if (status != STATUS_OK) return status
  }
  if (count == 0) return STATUS_OK
  const status = membership(from, first)
  if (status != STATUS_OK) return status
  // The walk below would find this too; so it is bounded by the list's length whatever `count` says.
  if (count > listCount(from)) return STATUS_OUT_OF_RANGE

  let last = first
  for (let left = count; ; left--) {
    if (last == from) return STATUS_OUT_OF_RANGE
    if (last == place) return STATUS_BAD_ARGUMENT
    if (left == 1) break
    last = changetype<Node>(last).next
  }

  const before = changetype<Node>(first).prev
  const behind = changetype<Node>(last).next
  changetype<Node>(before).next = behind
  changetype<Node>(behind).prev = before
  changetype<List>(from).count -= count

  const right = place != 0 ? place : to
  const left = changetype<Node>(right).prev
  changetype<Node>(left).next = first
  changetype<Node>(first).prev = left
  changetype<Node>(last).next = right
  changetype<Node>(right).prev = last
  changetype<List>(to).count += count

  if (to != from) {
    let node = first
    while (node != right) {
      changetype<Node>(node).owner = to
      node = changetype<Node>(node).next
    }
  }
  return STATUS_OK
}

/** Walks the whole list, at most `count` steps: OK, or CORRUPT when an invariant of `layout.ts` does not hold. */
export function listVerify(list: usize): u32 {
  let before = list
  let node = changetype<List>(list).head
  for (let left = listCount(list); left != 0; left--) {
    if (node == list || node == 0) return STATUS_CORRUPT
    const links = changetype<Node>(node)
    if (links.owner != list || links.prev != before) return STATUS_CORRUPT
    before = node
    node = links.next
  }
  return node == list && changetype<List>(list).tail == before ? STATUS_OK : STATUS_CORRUPT
}

// ---- inside --------------------------------------------------------------------------------------------------------

/** Whether `node` is in `list`: OK, UNLINKED, ELSEWHERE, or BAD_ARGUMENT for 0. */
// @ts-ignore: decorator
@inline
function membership(list: usize, node: usize): u32 {
  if (node == 0) return STATUS_BAD_ARGUMENT
  const owner = changetype<Node>(node).owner
  if (owner == list) return STATUS_OK
  return owner == 0 ? STATUS_UNLINKED : STATUS_ELSEWHERE
}

/** Links a node of no list behind `before`, a node of `list` or its header. */
function linkAfter(list: usize, before: usize, node: usize): u32 {
  if (node == 0) return STATUS_BAD_ARGUMENT
  const links = changetype<Node>(node)
  if (links.owner != 0) return links.owner == list ? STATUS_LINKED : STATUS_ELSEWHERE
  const behind = changetype<Node>(before).next
  links.next = behind
  links.prev = before
  links.owner = list
  changetype<Node>(before).next = node
  changetype<Node>(behind).prev = node
  changetype<List>(list).count++
  return STATUS_OK
}

// @ts-ignore: decorator
@inline
function unlink(list: usize, node: usize): void {
  const links = changetype<Node>(node)
  changetype<Node>(links.prev).next = links.next
  changetype<Node>(links.next).prev = links.prev
  changetype<List>(list).count--
  nodeInit(node)
}
