/** Choosing, describing and posting a photo. */
import type { Accepted, FeedItem, Post } from './api.ts'
import type { App } from './app.ts'
import { openDialog } from './dialog.ts'
import { h, icon } from './dom.ts'
import { sentenceOf } from './http.ts'
import { uploadPhoto } from './upload.ts'

const TYPES = ['image/jpeg', 'image/png', 'image/webp', 'image/avif', 'image/gif']
const LARGEST_BYTES = 20 * 1024 * 1024
const LONGEST_CAPTION = 2_200

/** What is wrong with a file, in a sentence; null when it may be tried. Pure. */
export function refusalOf(file: Pick<File, 'type' | 'size'>): string | null {
  if (!TYPES.includes(file.type)) return 'Choose a JPEG, PNG, WebP, AVIF or GIF picture.'
  if (file.size > LARGEST_BYTES) return 'A picture may have up to 20 MB.'
  return file.size === 0 ? 'This file is empty.' : null
}

export function openCompose(app: App, posted: (item: FeedItem) => void): void {
  let file: File | null = null
  let isBusy = false
  const preview = h('img', { class: 'preview', alt: '', hidden: true })
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  const progress = h('progress', { max: 1, value: 0, hidden: true, 'aria-label': 'Upload' })
  const share = h('button', { class: 'button wide', type: 'submit', disabled: true }, 'Share')
  const captionBox = h('textarea', {
    name: 'caption',
    rows: 3,
    maxlength: LONGEST_CAPTION,
    placeholder: 'Say something about it. #hashtags are found.',
  })
  const alt = h('input', { name: 'alt', maxlength: 1_000, placeholder: 'What is on the photo?' })
  const chooser = h('input', {
    type: 'file',
    accept: TYPES.join(','),
    class: 'unseen',
    onchange: () => choose(chooser.files?.[0]),
  })
  const drop = h(
    'label',
    { class: 'drop' },
    chooser,
    icon('photo'),
    h('strong', {}, 'Choose a photo'),
    h('span', {}, 'or drop one here'),
    preview,
  )

  /** What an attempt that failed left behind: a second one uploads nothing again, and posts once. */
  let uploaded: string | null = null
  let attempt = { body: '', key: '' }
  const keyOf = (body: string) => {
    if (attempt.body !== body) attempt = { body, key: crypto.randomUUID() }
    return attempt.key
  }

  const say = (text: string | null) => {
    problem.textContent = text
    problem.hidden = text === null
  }
  function choose(chosen: File | undefined): void {
    if (chosen === undefined || isBusy) return
    const refusal = refusalOf(chosen)
    say(refusal)
    if (refusal !== null) return
    file = chosen
    uploaded = null
    URL.revokeObjectURL(preview.src)
    preview.src = URL.createObjectURL(chosen)
    preview.hidden = false
    drop.classList.add('chosen')
    share.disabled = false
  }
  async function submit(chosen: File): Promise<void> {
    isBusy = true
    share.disabled = true
    share.textContent = 'Sharing …'
    progress.hidden = false
    say(null)
    try {
      uploaded ??= await uploadPhoto(app.api, chosen, alt.value.trim(), (sent) => {
        progress.value = sent
      })
      const body = { caption: captionBox.value.trim(), mediaIds: [uploaded] }
      const idempotencyKey = keyOf(JSON.stringify(body))
      const answer = await app.api.call<Post | Accepted>('/v1/posts', { method: 'POST', body, idempotencyKey })
      dialog.close()
      if ('status' in answer) app.toast('Your post is on its way and will show soon.', 'done')
      else {
        posted({ ...answer, reason: 'own', why: 'You posted this.' })
        app.toast('Posted.', 'done')
      }
    } catch (error) {
      say(sentenceOf(error))
      share.disabled = false
    } finally {
      isBusy = false
      share.textContent = 'Share'
      progress.hidden = true
    }
  }

  drop.addEventListener('dragover', (event) => {
    event.preventDefault()
    drop.classList.add('over-drop')
  })
  drop.addEventListener('dragleave', () => drop.classList.remove('over-drop'))
  drop.addEventListener('drop', (event) => {
    event.preventDefault()
    drop.classList.remove('over-drop')
    choose(event.dataTransfer?.files[0])
  })
  const onsubmit = (event: Event) => {
    event.preventDefault()
    if (file !== null && !isBusy) void submit(file)
  }
  const form = h(
    'form',
    { class: 'compose', onsubmit },
    drop,
    field('Caption', captionBox),
    field('Description for those who cannot see it', alt),
    problem,
    progress,
    share,
  )
  const dialog = openDialog({ title: 'New post', kind: 'sheet', mayClose: () => !isBusy }, form)
  dialog.element.addEventListener('close', () => URL.revokeObjectURL(preview.src))
}

const field = (label: string, input: HTMLElement): HTMLElement =>
  h('label', { class: 'field' }, h('span', {}, label), input)
