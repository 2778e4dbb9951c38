/** A modal dialog: the browser keeps the focus inside and Escape closes it. */
import { type Child, h, icon } from './dom.ts'

export interface Dialog {
  element: HTMLDialogElement
  close(): void
}

/** Opens at once; a click beside it closes it, unless `mayClose` says no. */
export function openDialog(
  { title, kind, mayClose = () => true }: { title: string; kind: 'drawer' | 'sheet'; mayClose?: () => boolean },
  ...children: Child[]
): Dialog {
  const close = () => {
    if (mayClose()) element.close()
  }
  const element = h(
    'dialog',
    { class: `dialog ${kind}`, 'aria-label': title },
    h(
      'header',
      { class: 'dialog-head' },
      // Focused first: a ring around the close button would draw the eye to the way out.
      h('h2', { tabindex: -1, autofocus: true }, title),
      h('button', { class: 'quiet', type: 'button', 'aria-label': 'Close', onclick: close }, icon('close')),
    ),
    ...children,
  )
  element.addEventListener('click', (event) => {
    if (event.target === element) close()
  })
  element.addEventListener('cancel', (event) => {
    if (!mayClose()) event.preventDefault()
  })
  element.addEventListener('close', () => element.remove())
  document.body.append(element)
  element.showModal()
  return { element, close: () => element.close() }
}
