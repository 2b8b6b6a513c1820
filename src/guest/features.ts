/**
 * Which extensions of WebAssembly a module uses, so that what is made of it uses no others.
 *
 * Engines take a module only when they know every one of them, and Binaryen uses whatever it is allowed to. Taken as
 * used is what the compiler says in `target_features`, what the code has instructions of, and what the kernel needs,
 * which every engine has that Heapwright runs on.
 */
import { featureOfType } from './instructions.js'
import type { GuestModule } from './module.js'

/** Names as in `target_features`, with Binaryen's number and the option of its programs. */
const FEATURES: Readonly<Record<string, readonly [bit: number, option: string]>> = {
  atomics: [1 << 0, 'threads'],
  'mutable-globals': [1 << 1, 'mutable-globals'],
  'nontrapping-fptoint': [1 << 2, 'nontrapping-float-to-int'],
  simd128: [1 << 3, 'simd'],
  'bulk-memory': [1 << 4, 'bulk-memory'],
  'sign-ext': [1 << 5, 'sign-ext'],
  'exception-handling': [1 << 6, 'exception-handling'],
  'tail-call': [1 << 7, 'tail-call'],
  'reference-types': [1 << 8, 'reference-types'],
  multivalue: [1 << 9, 'multivalue'],
  'relaxed-simd': [1 << 12, 'relaxed-simd'],
  'extended-const': [1 << 13, 'extended-const'],
  'bulk-memory-opt': [1 << 19, 'bulk-memory-opt'],
  'wide-arithmetic': [1 << 25, 'wide-arithmetic'],
}

/** What the kernel is made of, and what stands in modules without an instruction that would show it. */
const ALWAYS = ['mutable-globals', 'sign-ext', 'nontrapping-fptoint', 'bulk-memory', 'bulk-memory-opt']

/** Names of the features that a module and the kernel in it use, sorted. */
export function featuresOf(module: GuestModule): string[] {
  const used = new Set([...ALWAYS, ...module.targetFeatures])
  for (let index = module.importedFunctions; index < module.functionTypes.length; index++) {
    for (const feature of module.scan(index).features) used.add(feature)
  }
  for (const feature of featuresOfDeclarations(module)) used.add(feature)
  return [...used].filter((name) => FEATURES[name]).sort()
}

/** What stands in types, globals, tables and tags need not be in any code. */
function featuresOfDeclarations({ types, globals, tables, tagCount }: GuestModule): string[] {
  const values = [
    ...types.flatMap(({ params, results }) => [...params, ...results]),
    ...globals.map(({ type }) => type),
  ]
  const features = [...new Set(values)].flatMap((type) => featureOfType(type) ?? [])
  if (types.some(({ results }) => results.length > 1)) features.push('multivalue')
  if (tables.length > 1 || tables.some((type) => type !== 'funcref')) features.push('reference-types')
  if (tagCount > 0) features.push('exception-handling')
  return features
}

/** The features as the number that Binaryen's library takes. */
export function featureBits(names: readonly string[]): number {
  return names.reduce((bits, name) => bits | (FEATURES[name]?.[0] ?? 0), 0)
}

/** The features as options of Binaryen's programs. */
export function featureOptions(names: readonly string[]): string[] {
  return ['--mvp-features', ...names.flatMap((name) => (FEATURES[name] ? [`--enable-${FEATURES[name][1]}`] : []))]
}
