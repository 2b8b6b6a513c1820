/**
 * The process in which one group is measured: `fork`ed by run.ts with the group's id and options, answers with its
 * result. A process of its own, so that one group's heaps, garbage and call feedback are not the next one's.
 */

import { exposeCollector } from './collector.js'
import { groups } from './groups/all.js'
import { type GroupOptions, runGroup } from './groups/group.js'

const [id, options] = process.argv.slice(2) as [string, string]
const group = groups.find((one) => one.id === id)
if (group === undefined) throw new Error(`there is no group '${id}'`)
exposeCollector()
process.send?.(await runGroup(group, JSON.parse(options) as GroupOptions))
process.disconnect?.()
