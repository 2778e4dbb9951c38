/** Choosing a photo: from the disk, or dropped; it shows with its name and may be exchanged. */
import { h, icon } from './dom.ts'

const TYPES = ['image/jpeg', 'image/png', 'image/webp', 'image/avif', 'image/gif']
const LARGEST_BYTES = 20 * 1024 * 1024

/** What is wrong with a file, in a sentence; null when it may be tried. Pure. */
export function refusalOf(file: Pick<File, 'type' | 'size'>): string | null {
  if (!TYPES.includes(file.type)) return 'Choose a JPEG, PNG, WebP, AVIF or GIF picture.'
  if (file.size > LARGEST_BYTES) return 'A picture may have up to 20 MB.'
  return file.size === 0 ? 'This file is empty.' : null
}

/** 1234567 bytes as "1.2 MB". */
export function sizeOf(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}

export interface PhotoChooser {
  element: HTMLElement
  /** As long as what was chosen is being sent, nothing else may be. */
  lock(isLocked: boolean): void
  close(): void
}

/** @param onChosen told the file, or null with the sentence why one was refused */
export function photoChooser(onChosen: (file: File | null, refusal: string | null) => void): PhotoChooser {
  const preview = h('img', { class: 'preview', alt: '' })
  const name = h('span', { class: 'file-name' })
  const size = h('span', { class: 'file-size' })
  const chosen = h(
    'span',
    { class: 'chosen-photo', hidden: true },
    preview,
    h('span', { class: 'file' }, name, size, h('span', { class: 'plain' }, 'Choose another')),
  )
  const empty = h(
    'span',
    { class: 'no-photo' },
    icon('photo'),
    h('strong', {}, 'Choose a photo'),
    h('span', {}, 'or drop one here'),
  )
  const input = h('input', {
    type: 'file',
    accept: TYPES.join(','),
    class: 'unseen',
    onchange: () => choose(input.files?.[0]),
  })
  const element = h('label', { class: 'drop' }, input, empty, chosen)
  function choose(file: File | undefined): void {
    if (file === undefined || input.disabled) return
    const refusal = refusalOf(file)
    if (refusal !== null) {
      onChosen(null, refusal)
      return
    }
    URL.revokeObjectURL(preview.src)
    preview.src = URL.createObjectURL(file)
    name.textContent = file.name
    size.textContent = sizeOf(file.size)
    name.title = file.name
    element.classList.add('chosen')
    chosen.hidden = false
    empty.hidden = true
    onChosen(file, null)
  }
  takeDrops(element, choose)
  return {
    element,
    lock(isLocked) {
      input.disabled = isLocked
    },
    close: () => URL.revokeObjectURL(preview.src),
  }
}

function takeDrops(element: HTMLElement, choose: (file: File | undefined) => void): void {
  element.addEventListener('dragover', (event) => {
    event.preventDefault()
    element.classList.add('over-drop')
  })
  element.addEventListener('dragleave', () => element.classList.remove('over-drop'))
  element.addEventListener('drop', (event) => {
    event.preventDefault()
    element.classList.remove('over-drop')
    choose(event.dataTransfer?.files[0])
  })
}
