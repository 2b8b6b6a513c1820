/** Colours for what is drawn by script: those of the style sheet, which knows of light and dark. */

/** The value of a custom property, such as `--live`. */
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

export function onSchemeChange(redraw: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw)
}
