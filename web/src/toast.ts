/** One sentence at the bottom of the screen, read aloud, gone after a while. */
import { h } from './dom.ts'

const SHOWN_MS = 5_000

export function createToasts(parent: HTMLElement): (text: string, kind?: 'error' | 'done') => void {
  const region = h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite', popover: 'manual' })
  parent.append(region)
  return (text, kind = 'error') => {
    // In the top layer, above open dialogs; opened anew, so that it lies above those opened since.
    if (region.matches(':popover-open')) region.hidePopover()
    region.showPopover()
    const toast = h('p', { class: `toast ${kind}` }, text)
    region.replaceChildren(toast)
    setTimeout(() => {
      toast.remove()
      if (region.childElementCount === 0 && region.matches(':popover-open')) region.hidePopover()
    }, SHOWN_MS)
  }
}
