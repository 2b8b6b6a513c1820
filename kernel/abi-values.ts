/** What the modules of values export. No logic. */
export { attach, create, setShapeLimit } from './values/state'
export { stringEquals, stringHash } from './values/strings'
