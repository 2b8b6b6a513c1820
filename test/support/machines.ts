/** Recorded systems: the files as the kernel writes them, shortened to what is read and a few lines around it. */
import type { RuntimeSource, System } from '../../src/platform/system.js'

/** A system of files, by path, and of the runtime's figures. */
export function systemOf(
  files: Readonly<Record<string, string>>,
  figures: Partial<Record<RuntimeSource, number>> = {},
  platform = 'linux',
): System {
  return { platform, read: (path) => (Object.hasOwn(files, path) ? files[path] : undefined), figures }
}

/** 24,683,656 kB in all, 24,386,628 available. */
export const MEMINFO =
  'MemTotal:       24683656 kB\nMemFree:        24173244 kB\nMemAvailable:   24386628 kB\nBuffers:            2288 kB\n' +
  'Cached:           407800 kB\nHugePages_Total:       0\n'
export const CALM =
  'some avg10=0.00 avg60=0.12 avg300=0.05 total=1234567\nfull avg10=0.00 avg60=0.04 avg300=0.01 total=234000\n'
export const PRESSED =
  'some avg10=37.40 avg60=20.01 avg300=5.50 total=987654321\nfull avg10=21.07 avg60=9.00 avg300=2.00 total=500000\n'

const ROOT_MOUNT = '24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n'
const V2_MOUNT = `${ROOT_MOUNT}30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n`
const GIB = 2 ** 30

/** systemd on bare metal: the service has no limit, the slice above it has. */
export const SERVICE: Readonly<Record<string, string>> = {
  '/proc/meminfo': MEMINFO,
  '/proc/pressure/memory': PRESSED,
  '/proc/self/cgroup': '0::/app.slice/web.service\n',
  '/proc/self/mountinfo': V2_MOUNT,
  '/sys/fs/cgroup/memory.pressure': PRESSED,
  '/sys/fs/cgroup/memory.stat': 'anon 1\n',
  '/sys/fs/cgroup/app.slice/memory.max': `${4 * GIB}\n`,
  '/sys/fs/cgroup/app.slice/memory.high': `${3 * GIB}\n`,
  '/sys/fs/cgroup/app.slice/memory.current': `${2 * GIB}\n`,
  '/sys/fs/cgroup/app.slice/memory.stat': `anon ${GIB}\nfile ${GIB}\ninactive_file ${GIB / 2}\nactive_file ${GIB / 2}\n`,
  '/sys/fs/cgroup/app.slice/memory.pressure': PRESSED,
  '/sys/fs/cgroup/app.slice/web.service/memory.max': 'max\n',
  '/sys/fs/cgroup/app.slice/web.service/memory.high': 'max\n',
  '/sys/fs/cgroup/app.slice/web.service/memory.current': `${GIB}\n`,
  '/sys/fs/cgroup/app.slice/web.service/memory.pressure': CALM,
}

/** A container in a namespace of its own: its group is all that it sees, and is called `/`. */
export const CONTAINER: Readonly<Record<string, string>> = {
  '/proc/meminfo': MEMINFO,
  '/proc/pressure/memory': CALM,
  '/proc/self/cgroup': '0::/\n',
  '/proc/self/mountinfo': '700 690 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n',
  '/sys/fs/cgroup/memory.max': '536870912\n',
  '/sys/fs/cgroup/memory.high': 'max\n',
  '/sys/fs/cgroup/memory.current': '104857600\n',
  '/sys/fs/cgroup/memory.stat': 'anon 50000000\ninactive_file 4857600\n',
  '/sys/fs/cgroup/memory.pressure': PRESSED,
}

/** A container without such a namespace: the path is the host's, the mount shows the container's group as its root. */
export const BOUND: Readonly<Record<string, string>> = {
  ...CONTAINER,
  '/proc/self/cgroup': '0::/docker/abc/inner group\n',
  '/proc/self/mountinfo': '700 690 0:26 /docker/abc /mnt/control\\040groups ro - cgroup2 cgroup rw\n',
  '/mnt/control groups/memory.max': '268435456\n',
  '/mnt/control groups/memory.current': '1048576\n',
  '/mnt/control groups/inner group/memory.max': '134217728\n',
  '/mnt/control groups/inner group/memory.current': '1048576\n',
}

/** Version 1 for memory, version 2 mounted beside it without a controller. */
export const HYBRID: Readonly<Record<string, string>> = {
  '/proc/meminfo': MEMINFO,
  '/proc/pressure/memory': CALM,
  '/proc/self/cgroup': '9:name=systemd:/\n4:memory:/jobs/one:two\n3:cpu,cpuacct:/\n0::/\n',
  '/proc/self/mountinfo':
    '32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n' +
    '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n' +
    '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n',
  '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
  '/sys/fs/cgroup/memory/memory.usage_in_bytes': '800000000\n',
  '/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes': '300000000\n',
  '/sys/fs/cgroup/memory/jobs/memory.usage_in_bytes': '200000000\n',
  '/sys/fs/cgroup/memory/jobs/memory.stat': 'inactive_file 7\ntotal_inactive_file 50000000\n',
  '/sys/fs/cgroup/memory/jobs/one:two/memory.limit_in_bytes': '9223372036854771712\n',
  '/sys/fs/cgroup/memory/jobs/one:two/memory.usage_in_bytes': '1000000\n',
}
