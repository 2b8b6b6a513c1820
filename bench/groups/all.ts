/** All groups, in the order in which they run and are printed. */
import { blockGroups } from './blocks.js'
import { footprintGroups } from './footprint.js'
import type { Group } from './group.js'
import { insideGroups } from './inside.js'
import { traceGroups } from './traces.js'

export const groups: readonly Group[] = [...blockGroups, ...traceGroups, ...insideGroups, ...footprintGroups]
