/** Choosing photos: from the disk, or dropped; each shows with its name and a line to describe it, and may be left out. */
import { h, icon } from './dom.ts'

const TYPES = ['image/jpeg', 'image/png', 'image/webp', 'image/avif', 'image/gif']
const LARGEST_BYTES = 20 * 1024 * 1024
/** The API's: so many media may a post hold. */
const MOST = 10
const LONGEST_ALT = 1_000

/** What is wrong with a file, in a sentence; null when it may be tried. Pure. */
export function refusalOf(file: Pick<File, 'type' | 'size'>): string | null {
  if (!TYPES.includes(file.type)) return 'Choose JPEG, PNG, WebP, AVIF or GIF pictures.'
  if (file.size > LARGEST_BYTES) return 'A picture may have up to 20 MB.'
  return file.size === 0 ? 'This file is empty.' : null
}

/** 1234567 bytes as "1.2 MB". */
export function sizeOf(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}

export interface Photo {
  file: File
  /** For those who cannot see it. */
  alt: string
}

export interface PhotoChooser {
  element: HTMLElement
  /** As they stand now, in their order. */
  photos(): Photo[]
  /** As long as what was chosen is being sent, nothing else may be. */
  lock(isLocked: boolean): void
  close(): void
}

interface Chosen {
  line: HTMLElement
  photo(): Photo
  close(): void
}

/** @param onChange told how many there are, and the sentence why one was refused */
export function photoChooser(onChange: (count: number, refusal: string | null) => void): PhotoChooser {
  const chosen: Chosen[] = []
  const list = h('ol', { class: 'chosen-photos', 'aria-label': 'Chosen photos' })
  const { drop, input, invite } = dropArea(choose)
  const paint = (refusal: string | null) => {
    invite(chosen.length)
    onChange(chosen.length, refusal)
  }
  const leaveOut = (one: Chosen) => {
    chosen.splice(chosen.indexOf(one), 1)
    one.line.remove()
    one.close()
    paint(null)
    input.focus()
  }
  function choose(files: FileList | null | undefined): void {
    if (files === null || files === undefined || input.disabled) return
    let refusal: string | null = null
    for (const file of files) {
      const fault = chosen.length >= MOST ? `A post may have up to ${MOST} photos.` : refusalOf(file)
      refusal ??= fault
      if (fault !== null) continue
      const one: Chosen = chosenPhoto(file, () => input.disabled || leaveOut(one))
      chosen.push(one)
      list.append(one.line)
    }
    paint(refusal)
  }
  paint(null)
  return {
    element: h('div', { class: 'chooser' }, list, drop),
    photos: () => chosen.map((one) => one.photo()),
    lock(isLocked) {
      input.disabled = isLocked
    },
    close() {
      for (const one of chosen) one.close()
    },
  }
}

/** Where files are chosen, or dropped. `invite` says so, by how many there are. */
function dropArea(choose: (files: FileList | null | undefined) => void) {
  const invitation = h('strong', {})
  const input = h('input', {
    type: 'file',
    accept: TYPES.join(','),
    multiple: true,
    class: 'unseen',
    onchange: () => {
      choose(input.files)
      // The same file again is a choice, too.
      input.value = ''
    },
  })
  const words = h('span', { class: 'no-photo' }, icon('photo'), invitation, h('span', {}, 'or drop them here'))
  const drop = h('label', { class: 'drop' }, input, words)
  takeDrops(drop, choose)
  const invite = (count: number) => {
    invitation.textContent = count === 0 ? 'Choose photos' : 'Add photos'
    drop.classList.toggle('more', count > 0)
    drop.hidden = count >= MOST
  }
  return { drop, input, invite }
}

function chosenPhoto(file: File, leaveOut: () => void): Chosen {
  const url = URL.createObjectURL(file)
  const alt = h('input', { name: 'alt', maxlength: LONGEST_ALT, placeholder: 'What is on the photo?' })
  const line = h(
    'li',
    { class: 'chosen-photo' },
    preview(file, url),
    h(
      'div',
      { class: 'file' },
      h('span', { class: 'file-name', title: file.name }, file.name),
      h('span', { class: 'file-size' }, sizeOf(file.size)),
      h(
        'button',
        { class: 'quiet', type: 'button', 'aria-label': `Leave out ${file.name}`, onclick: leaveOut },
        icon('close'),
      ),
    ),
    h('label', { class: 'field' }, h('span', {}, 'Description for those who cannot see it'), alt),
  )
  return {
    line,
    photo: () => ({ file, alt: alt.value.trim() }),
    close: () => URL.revokeObjectURL(url),
  }
}

/**
 * The photo as it will be, or a sentence at once where it is none. It may be shared all the same: the API takes kinds that a
 * browser may not know.
 */
function preview({ name }: File, url: string): HTMLElement {
  const place = h('div', {})
  const sentence = `“${name}” cannot be shown here: it is damaged, or no picture. Leave it out, or share it if you are sure.`
  const onerror = () => place.replaceChildren(h('p', { class: 'problem', role: 'alert' }, sentence))
  place.append(h('img', { class: 'preview', src: url, alt: '', onerror }))
  return place
}

function takeDrops(element: HTMLElement, choose: (files: FileList | undefined) => void): void {
  element.addEventListener('dragover', (event) => {
    event.preventDefault()
    element.classList.add('over-drop')
  })
  element.addEventListener('dragleave', () => element.classList.remove('over-drop'))
  element.addEventListener('drop', (event) => {
    event.preventDefault()
    element.classList.remove('over-drop')
    choose(event.dataTransfer?.files)
  })
}
