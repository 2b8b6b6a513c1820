/**
 * The memory of the machine, and of the control group that this process runs in: how much there is, how much is left,
 * and whether programs already wait for it. Each figure says where it came from; what nobody tells is left out.
 *
 * | figure | Linux | otherwise |
 * | --- | --- | --- |
 * | total | `/proc/meminfo`, MemTotal | `os.totalmem()`; browsers: `navigator.deviceMemory`, which is coarse |
 * | available | `/proc/meminfo`, MemAvailable | `process.availableMemory()`, `os.freemem()`, where they count what can be had |
 * | limit | the least `memory.max` or `memory.high` of the group and those above | `process.constrainedMemory()` |
 * | left | the least of a limit less what its group uses | – |
 * | pressure | `memory.pressure` of the nearest group that has it, `/proc/pressure/memory` | – |
 *
 * Synchronous, and some fifteen small files at most.
 */
import { type GroupLevel, limitFile, type MemoryGroup, readMemoryGroup } from './cgroup.js'
import { type PressureFigures, parseMeminfo, parsePressure } from './meminfo.js'
import { type RuntimeSource, type System, thisSystem } from './system.js'

/** A number of bytes, and the file or the call that told it. */
export interface Figure {
  readonly bytes: number
  readonly source: string
}

/** Pressure stall information: how long tasks waited for memory, and the file that told it. */
export interface Pressure extends PressureFigures {
  readonly source: string
}

/** What is known of this machine's memory. */
export interface Machine {
  /** Random access memory in all. */
  readonly total?: Figure | undefined
  /** What programs can have without swapping. */
  readonly available?: Figure | undefined
  /** The least limit of a control group that this process is in. */
  readonly limit?: Figure | undefined
  /** What the groups' limits still allow; cached files that nobody uses count as free. */
  readonly left?: Figure | undefined
  readonly pressure?: Pressure | undefined
}

const MEMINFO = '/proc/meminfo'
const PRESSURE = '/proc/pressure/memory'

/** Where free memory is what can be had. Elsewhere (macOS, BSD) it is what nobody caches anything in: next to none. */
const FREE_IS_AVAILABLE: readonly string[] = ['linux', 'android', 'win32']

/** Ask this machine, or a `system` recorded before, for its memory. */
export function detectMachine(system: System = thisSystem()): Machine {
  const { read, platform } = system
  const isLinux = platform === 'linux' || platform === 'android'
  const meminfo = isLinux ? read(MEMINFO) : undefined
  const group = isLinux ? readMemoryGroup(read) : undefined
  const total =
    figureOf(parseMeminfo(meminfo, 'MemTotal') || undefined, `${MEMINFO}, MemTotal`) ??
    runtimeFigure(system, 'os.totalmem()') ??
    runtimeFigure(system, 'navigator.deviceMemory')
  const available =
    figureOf(parseMeminfo(meminfo, 'MemAvailable'), `${MEMINFO}, MemAvailable`) ??
    (FREE_IS_AVAILABLE.includes(platform)
      ? (runtimeFigure(system, 'process.availableMemory()') ?? runtimeFigure(system, 'os.freemem()'))
      : undefined)
  return {
    total,
    available,
    limit: leastOf(limitsOf(group)) ?? constraint(system, total),
    left: leastOf(leftOf(group)),
    pressure:
      (group && groupPressure(group)) ?? (isLinux ? pressureOf(parsePressure(read(PRESSURE)), PRESSURE) : undefined),
  }
}

function figureOf(bytes: number | undefined, source: string): Figure | undefined {
  return bytes === undefined ? undefined : { bytes, source }
}

function runtimeFigure({ figures }: System, source: RuntimeSource): Figure | undefined {
  return figureOf(figures[source], source)
}

/** The runtime says the whole memory, or more, when there is no limit. */
function constraint(system: System, total: Figure | undefined): Figure | undefined {
  const figure = runtimeFigure(system, 'process.constrainedMemory()')
  return figure && figure.bytes < (total?.bytes ?? Number.POSITIVE_INFINITY) ? figure : undefined
}

function leastOf(figures: readonly Figure[]): Figure | undefined {
  return figures.reduce<Figure | undefined>(
    (least, figure) => (least === undefined || figure.bytes < least.bytes ? figure : least),
    undefined,
  )
}

// ---- control groups -------------------------------------------------------------------------------------------------

function limitsOf(group: MemoryGroup | undefined): Figure[] {
  return (group?.levels ?? []).flatMap((level) => levelLimits(level, group?.version ?? 2))
}

function levelLimits({ directory, maxBytes, highBytes }: GroupLevel, version: 1 | 2): Figure[] {
  return [
    { bytes: maxBytes, file: limitFile(version, 'max') },
    { bytes: highBytes, file: limitFile(version, 'high') },
  ].flatMap(({ bytes, file }) => (bytes === undefined ? [] : [{ bytes, source: `${directory}/${file}` }]))
}

function leftOf(group: MemoryGroup | undefined): Figure[] {
  return (group?.levels ?? []).flatMap((level) => {
    const limit = leastOf(levelLimits(level, group?.version ?? 2))
    if (limit === undefined || level.usedBytes === undefined) return []
    const keptBytes = Math.max(0, level.usedBytes - level.droppableBytes)
    return [{ bytes: Math.max(0, limit.bytes - keptBytes), source: `${limit.source}, less what the group uses` }]
  })
}

function groupPressure({ levels }: MemoryGroup): Pressure | undefined {
  const nearest = levels.find(({ pressure }) => pressure !== undefined)
  return nearest && pressureOf(nearest.pressure, `${nearest.directory}/memory.pressure`)
}

function pressureOf(figures: PressureFigures | undefined, source: string): Pressure | undefined {
  return figures && { ...figures, source }
}
