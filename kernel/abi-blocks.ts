/** What the modules without and with objects both export: blocks, arenas, pools, questions. No logic. */
export { setKnobs } from './overlay'
export { attach, create, detach, homePages } from './create'
export { addClass } from './block/classes'
export { alloc, allocAligned, allocZeroed, freeStatus, isBlock, usableSize } from './block/alloc'
export { releaseEmptyPages as releaseCaches } from './block/page'
export { bumpAlloc } from './block/bump'
export { liveBlocks } from './block/count'
export { lend, takeBack } from './block/lend'
export { giveBack, reserve, setBounds } from './region/borrow'
export { trimBehind, trimFind, trimMark } from './region/trim'
export {
  arenaAlloc,
  arenaCreate,
  arenaCreateFixed,
  arenaDestroy,
  arenaFreeLast,
  arenaHeld,
  arenaHigh,
  arenaLow,
  arenaPop,
  arenaPush,
  arenaRelease,
  arenaReset,
  arenaShrinkLast,
  arenaUsed,
} from './arena/arena'
export { poolAcquire, poolCreate, poolDestroy, poolRelease, poolSlots, poolUsed } from './arena/pool'
export { blockAround, codeAround, describe, nextBlock } from './check/walk'
export { classReport, freeRunReport, totalsReport } from './check/report'
