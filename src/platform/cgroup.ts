/**
 * The control groups that this process's memory is counted in (cgroups(7); kernel document admin-guide/cgroup-v2).
 *
 * `/proc/self/cgroup` says which group, `/proc/self/mountinfo` where the tree of groups is seen. A limit holds for all
 * below it, so every group up to the mount is read. In a container the mount's root is often a group itself: of a path
 * that does not lead down from there only the mount is known, which is then the container's own group.
 *
 * Version 2 is looked for first, then version 1, also where both are mounted and only one has the memory controller.
 */
import { type PressureFigures, parseCount, parsePressure, parseStat } from './meminfo.js'

/** A file's text; undefined when it cannot be read. */
export type Reader = (path: string) => string | undefined

/** One control group, or one above it. */
export interface GroupLevel {
  readonly directory: string
  /** `memory.max`: beyond it, the kernel kills. Undefined: none. */
  readonly maxBytes: number | undefined
  /** `memory.high`: beyond it, the kernel slows down. Undefined: none. */
  readonly highBytes: number | undefined
  readonly usedBytes: number | undefined
  /** Of those, cached bytes of files that nobody uses: the kernel drops them before it refuses anything. */
  readonly droppableBytes: number
  readonly pressure: PressureFigures | undefined
}

export interface MemoryGroup {
  readonly version: 1 | 2
  /** This process's own group first, then those above. Never empty. */
  readonly levels: readonly GroupLevel[]
}

/** The names by which the versions tell the same. */
interface GroupFiles {
  readonly version: 1 | 2
  readonly mountType: string
  readonly usualMount: string
  readonly max: string
  readonly high: string | undefined
  readonly used: string
  readonly droppable: string
}

const VERSION_2: GroupFiles = {
  version: 2,
  mountType: 'cgroup2',
  usualMount: '/sys/fs/cgroup',
  max: 'memory.max',
  high: 'memory.high',
  used: 'memory.current',
  droppable: 'inactive_file',
}
const VERSION_1: GroupFiles = {
  version: 1,
  mountType: 'cgroup',
  usualMount: '/sys/fs/cgroup/memory',
  max: 'memory.limit_in_bytes',
  high: undefined,
  used: 'memory.usage_in_bytes',
  droppable: 'total_inactive_file',
}

/** Deeper groups have nothing to say: the kernel's own default is no limit, people nest a handful. */
const LEVELS_MAX = 64

/** The name of the file that a limit of a group stands in. */
export function limitFile(version: 1 | 2, limit: 'max' | 'high'): string {
  return (version === 2 ? VERSION_2 : VERSION_1)[limit] ?? ''
}

/** The groups of this process; undefined when none has a memory controller. */
export function readMemoryGroup(read: Reader): MemoryGroup | undefined {
  const groups = read('/proc/self/cgroup')
  const mounts = read('/proc/self/mountinfo')
  for (const files of [VERSION_2, VERSION_1]) {
    const path = parseGroupPath(groups, files.version)
    if (path === undefined) continue
    const levels = directoriesOf(path, findMount(mounts, files, path)).flatMap(
      (directory) => readLevel(read, files, directory) ?? [],
    )
    if (levels.length > 0) return { version: files.version, levels }
  }
  return undefined
}

function readLevel(read: Reader, files: GroupFiles, directory: string): GroupLevel | undefined {
  const max = read(`${directory}/${files.max}`)
  const used = read(`${directory}/${files.used}`)
  // The root of all groups has neither file.
  if (max === undefined && used === undefined) return undefined
  return {
    directory,
    maxBytes: parseCount(max),
    highBytes: files.high === undefined ? undefined : parseCount(read(`${directory}/${files.high}`)),
    usedBytes: parseCount(used),
    droppableBytes: parseStat(read(`${directory}/memory.stat`), files.droppable) ?? 0,
    pressure: parsePressure(read(`${directory}/memory.pressure`)),
  }
}

/** The path of a `/proc/self/cgroup` line: `0::/path`, or in version 1 that of the memory controller. */
export function parseGroupPath(text: string | undefined, version: 1 | 2): string | undefined {
  for (const line of text?.split('\n') ?? []) {
    const [, number, controllers = '', path] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? []
    const isOurs = version === 2 ? number === '0' && controllers === '' : controllers.split(',').includes('memory')
    if (isOurs) return path
  }
  return undefined
}

interface Mount {
  /** The group that is seen at `point`. */
  readonly root: string
  readonly point: string
}

/** Where a tree of groups is mounted: of several mounts, one that `path` leads down from. */
function findMount(text: string | undefined, files: GroupFiles, path: string): Mount {
  const mounts = parseMounts(text, files)
  return mounts.find(({ root }) => isBelow(path, root)) ?? mounts[0] ?? { root: '/', point: files.usualMount }
}

function parseMounts(text: string | undefined, { version, mountType }: GroupFiles): Mount[] {
  return (text?.split('\n') ?? []).flatMap((line) => {
    // number, parent, device, root, point, options, optional fields - type, source, options of the file system
    const [mount = '', system = ''] = line.split(' - ')
    const [, , , root, point] = mount.split(' ').map(unescapeOctal)
    const [type, , options = ''] = system.split(' ')
    const isOurs = type === mountType && (version === 2 || options.split(',').includes('memory'))
    return isOurs && root?.startsWith('/') && point?.startsWith('/') ? [{ root, point }] : []
  })
}

/** Spaces and the like stand as `\040` in mountinfo. */
function unescapeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))
}

function isBelow(path: string, root: string): boolean {
  return root === '/' || path === root || path.startsWith(`${root}/`)
}

/** The directories of a group and of those above it, up to the mount. */
function directoriesOf(path: string, { root, point }: Mount): string[] {
  const isSeen = isBelow(path, root) && !path.split('/').includes('..')
  const names = isSeen ? (root === '/' ? path : path.slice(root.length)).split('/').filter((name) => name !== '') : []
  const top = point === '/' ? '' : point
  return Array.from({ length: Math.min(names.length + 1, LEVELS_MAX) }, (_, up) =>
    [top, ...names.slice(0, names.length - up)].join('/'),
  )
}
