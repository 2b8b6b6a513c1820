/**
 * The classes of views that objects of built-in types of values have, by the name of the type: `#string`, `#array`, ...
 * They enter themselves here, so that the registry of types needs not know them.
 */
import type { ViewClass } from './view.js'

export const valueClasses = new Map<string, ViewClass>()
