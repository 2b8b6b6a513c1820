/** All groups, in the order in which they run and are printed. */
import { blockGroups } from './blocks.js'
import { footprintGroups } from './footprint.js'
import { forkGroups } from './fork.js'
import type { Group } from './group.js'
import { guestObjectGroups } from './guest-objects.js'
import { guestGroups } from './guests.js'
import { insideGroups } from './inside.js'
import { objectPauseGroups } from './object-pauses.js'
import { objectStoreGroups } from './object-stores.js'
import { objectTreeGroups } from './object-trees.js'
import { objectViewGroups } from './object-views.js'
import { objectGroups } from './objects.js'
import { observingGroups } from './observing.js'
import { observingEventGroups } from './observing-events.js'
import { tenantGroups } from './tenants.js'
import { traceGroups } from './traces.js'
import { trimGroups } from './trim.js'
import { valueGroups } from './values.js'

export const groups: readonly Group[] = [
  ...blockGroups,
  ...traceGroups,
  ...insideGroups,
  ...objectGroups,
  ...objectStoreGroups,
  ...objectTreeGroups,
  ...objectPauseGroups,
  ...objectViewGroups,
  ...valueGroups,
  ...guestObjectGroups,
  ...observingEventGroups,
  ...tenantGroups,
  ...trimGroups,
  ...forkGroups,
  ...observingGroups,
  ...guestGroups,
  ...footprintGroups,
]
