/** What the verifier's answers mean. The rules are those of the layouts in `kernel/`. */
import * as layout from '../kernel/layout.js'
import * as objects from '../kernel/object-layout.js'
import * as values from '../kernel/value-layout.js'

const FAULTS: Readonly<Record<number, string>> = {
  [layout.FAULT_CONTROL]: "the control block's fields contradict each other",
  [layout.FAULT_CHUNK]: "a chunk's header, bounds or table entry is wrong",
  [layout.FAULT_MAP]: 'a byte of the map has a code that cannot stand there',
  [layout.FAULT_TAGS]: 'the two tags of a run disagree',
  [layout.FAULT_ADJACENT]: 'two free runs touch',
  [layout.FAULT_BIN]: 'a free run is not in its bin, or a bin holds what is no free run',
  [layout.FAULT_PAGE]: 'a page descriptor is wrong',
  [layout.FAULT_FREE_LIST]: "a page's free list leads elsewhere: something was written to a block after it was freed",
  [layout.FAULT_PAGE_COUNT]: "used + free + uncarved blocks are not the page's capacity",
  [layout.FAULT_CLASS]: "a class's list of partial pages or its counts are wrong",
  [layout.FAULT_HUGE]: "a huge block's table entries disagree",
  [layout.FAULT_BYTES]: 'a counter of bytes differs from what was found',
  [layout.FAULT_LIVE]: 'the count of live blocks or bytes differs from what was found',
  [layout.FAULT_ACCOUNTING]: 'in use + free + metadata + unused is not committed',
  [layout.FAULT_POOL]: "a pool's counts, free list or segments are wrong",
  [layout.FAULT_ARENA]: "an arena's pieces or bounds are wrong",
  [layout.FAULT_TRIMMED]: 'memory in use counts as given back to the system, or the sums of such memory are wrong',
  [objects.FAULT_OBJECT_HEADER]: "an object's type is unknown, or its size does not fit its type",
  [objects.FAULT_REFERENCE]: 'a reference points at no object',
  [objects.FAULT_ROOT]: 'a root, a handle or a slot of a shadow stack points at no live object',
  [objects.FAULT_OBJECT_BLOCK]:
    "a block of objects: its descriptor or its part of the map contradicts the objects' headers",
  [objects.FAULT_SPACE]: 'the words of the object space contradict each other',
  [objects.FAULT_UNMARKED]: 'a reference points where no live object starts',
  [objects.FAULT_TYPE]: "the type table's numbers contradict each other",
  [objects.FAULT_SIDE_TABLE]: 'the table of identity hashes or of finalizers holds what is no live object',
  [objects.FAULT_LARGE]: 'a large object or an image is not what its list says',
  [objects.FAULT_NURSERY]: 'the nursery: its bounds, its map, or objects that do not lie back to back',
  [objects.FAULT_REMEMBERED]:
    'an old object refers to a young one that no collection of the nursery would find: a write barrier was left out',
  [objects.FAULT_UNPROTECTED]:
    'a reference leads to an object that the marking that goes on will miss: a write barrier was left out',
  [values.FAULT_COUNT]: "an object has fewer counts than references, or a counted object's head is wrong",
  [values.FAULT_CANDIDATES]: 'the table of candidates for cycles, or the trial of them, is wrong',
  [values.FAULT_VALUE]: 'a string, the table of interned ones, an array, a dictionary or a property object is wrong',
}

export function faultText(fault: number): string {
  return FAULTS[fault] ?? `fault ${fault}`
}
