/**
 * The names that allocators' functions go by, and what each of them takes and gives.
 *
 * A function is known by the name it is exported, imported or compiled under: that of C, its twin in the C library, or
 * the one that an allocator gives it inside. The latter matters since optimisers inline `malloc`, which only calls
 * `dlmalloc`, into its callers.
 */
import type { FunctionType } from './sections.js'

/** What a function of an allocator does, as the C function of that name. */
export type AllocatorRole =
  | 'malloc'
  | 'free'
  | 'calloc'
  | 'realloc'
  | 'reallocarray'
  | 'aligned_alloc'
  | 'memalign'
  | 'posix_memalign'
  | 'malloc_usable_size'

/** All take numbers of 32 bits; all but `free` give one. */
const PARAMETERS: Readonly<Record<AllocatorRole, number>> = {
  malloc: 1,
  free: 1,
  calloc: 2,
  realloc: 2,
  reallocarray: 3,
  aligned_alloc: 2,
  memalign: 2,
  posix_memalign: 3,
  malloc_usable_size: 1,
}

export const ALLOCATOR_ROLES = Object.keys(PARAMETERS) as readonly AllocatorRole[]

/** Those that give memory. */
export const ALLOCATING_ROLES: ReadonlySet<AllocatorRole> = new Set<AllocatorRole>([
  'malloc',
  'calloc',
  'realloc',
  'reallocarray',
  'aligned_alloc',
  'memalign',
  'posix_memalign',
])

/** What stands before the names of C: the C library's twins, dlmalloc, emmalloc, Emscripten, mimalloc. */
const PREFIXES = ['', '__libc_', 'dl', 'emmalloc_', 'emscripten_builtin_', 'mi_']
const ROLES_BY_NAME = new Map<string, AllocatorRole>(
  PREFIXES.flatMap((prefix) => ALLOCATOR_ROLES.map((role): [string, AllocatorRole] => [`${prefix}${role}`, role])),
)
ROLES_BY_NAME.set('emmalloc_usable_size', 'malloc_usable_size')
ROLES_BY_NAME.set('mi_usable_size', 'malloc_usable_size')
ROLES_BY_NAME.set('__libc_malloc_impl', 'malloc')

/** What LLVM adds to the name of a function that another file of a thin link-time optimisation uses. */
const PROMOTED = /\.llvm\.\d+$/

/** The role of a function of that name; undefined when it has none. */
export function roleOfName(name: string): AllocatorRole | undefined {
  return ROLES_BY_NAME.get(name.replace(PROMOTED, ''))
}

export function typeOfRole(role: AllocatorRole): FunctionType {
  return { params: Array<string>(PARAMETERS[role]).fill('i32'), results: role === 'free' ? [] : ['i32'] }
}

/** A type as the text format writes it: `(i32, i32) -> i32`. */
export function formatType({ params, results }: FunctionType): string {
  const result = results.length === 1 ? results[0] : `(${results.join(', ')})`
  return `(${params.join(', ')}) -> ${result}`
}

export function isSameType(a: FunctionType, b: FunctionType): boolean {
  return formatType(a) === formatType(b)
}

/** Functions of allocators that have no counterpart here, public ones and such as only allocators have. */
const INTERNAL_NAMES = [
  /^(?:dl)?(?:valloc|pvalloc|cfree|mallinfo2?|mallopt|malloc_(?:trim|stats|inspect_all)|bulk_free|realloc_in_place)$/,
  /^(?:dl)?(?:malloc_(?:max_|set_)?footprint(?:_limit)?|independent_co?malloc|independent_calloc)$/,
  /^(?:mspace_\w+|create_mspace\w*|destroy_mspace)$/,
  /^(?:tmalloc_(?:small|large)|dispose_chunk|internal_memalign|try_realloc_chunk|release_unused_segments)$/,
  /^(?:prepend_alloc|init_mparams|internal_(?:malloc_stats|mallinfo|bulk_free|inspect_all))$/,
  /^emmalloc_\w+$/,
  /^_?mi_(?:z?alloc|malloc|calloc|re[zc]?alloc|expand|free|heap|theap|page|segment|arenas?|thread|os|bitmap)(?:_\w+)?$/,
  /^__(?:malloc_(?:alloc_meta|allzerop|atfork|donate|replaced)|expand_heap|bin_chunk|libc_free_impl)$/,
]

/** Whether only an allocator has functions of that name. */
export function isAllocatorName(name: string): boolean {
  const plain = name.replace(PROMOTED, '')
  return roleOfName(plain) !== undefined || INTERNAL_NAMES.some((pattern) => pattern.test(plain))
}
