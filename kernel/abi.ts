/** What the module without objects exports. No logic. */
export * from './abi-blocks'
export * from './abi-free'
export { reset } from './create'
export { verify } from './check/verify'
