/** Describing and posting a photo. */
import type { Accepted, FeedItem, Post } from './api.ts'
import type { App } from './app.ts'
import { createAttempts } from './attempt.ts'
import { openDialog } from './dialog.ts'
import { h } from './dom.ts'
import { type Api, sentenceOf } from './http.ts'
import { photoChooser } from './photo-chooser.ts'
import { uploadPhoto } from './upload.ts'

const LONGEST_CAPTION = 2_200

export function openCompose(app: App, posted: (item: FeedItem) => void): void {
  const sender = postSender(app.api)
  const form = composeForm(async (draft, onProgress) => {
    const answer = await sender(draft, onProgress)
    dialog.close()
    if ('status' in answer) app.toast('Your post is on its way and will show soon.', 'done')
    else {
      posted({ ...answer, reason: 'own', why: 'You posted this.' })
      app.toast('Posted.', 'done')
    }
  })
  const dialog = openDialog({ title: 'New post', kind: 'sheet', mayClose: () => !form.isBusy() }, form.element)
  dialog.element.addEventListener('close', form.close)
}

interface Draft {
  file: File
  caption: string
  alt: string
}

/** Uploads and posts; after a failure, the same draft uploads nothing again and posts once. */
function postSender(api: Api): (draft: Draft, onProgress: (share: number) => void) => Promise<Post | Accepted> {
  let uploaded: { file: File; alt: string; id: string } | null = null
  const keyOf = createAttempts()
  return async ({ file, caption, alt }, onProgress) => {
    if (uploaded?.file !== file || uploaded.alt !== alt) {
      uploaded = { file, alt, id: await uploadPhoto(api, file, alt, onProgress) }
    }
    const body = { caption, mediaIds: [uploaded.id] }
    return api.call<Post | Accepted>('/v1/posts', { method: 'POST', body, idempotencyKey: keyOf(body) })
  }
}

/** @param send what it rejects with is shown, and the person may try again */
function composeForm(send: (draft: Draft, onProgress: (share: number) => void) => Promise<void>) {
  let file: File | null = null
  let isBusy = false
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  const progress = h('progress', { max: 1, value: 0, hidden: true, 'aria-label': 'Upload' })
  const share = h('button', { class: 'button wide', type: 'submit', disabled: true }, 'Share')
  const { caption, alt } = textFields()
  const say = (sentence: string | null) => {
    problem.textContent = sentence
    problem.hidden = sentence === null
  }
  const chooser = photoChooser((chosen, refusal) => {
    say(refusal)
    file = chosen ?? file
    share.disabled = file === null
  })
  const setBusy = (now: boolean) => {
    isBusy = now
    share.disabled = now
    share.textContent = now ? 'Sharing …' : 'Share'
    progress.hidden = !now
    chooser.lock(now)
  }
  const onsubmit = async (event: Event) => {
    event.preventDefault()
    if (file === null || isBusy) return
    setBusy(true)
    say(null)
    const draft = { file, caption: caption.value.trim(), alt: alt.value.trim() }
    const onProgress = (sent: number) => {
      progress.value = sent
    }
    const failure = await send(draft, onProgress).then(() => null, sentenceOf)
    setBusy(false)
    say(failure)
  }
  const element = h(
    'form',
    { class: 'compose', onsubmit: (event) => void onsubmit(event) },
    chooser.element,
    field('Caption', caption),
    field('Description for those who cannot see it', alt),
    problem,
    progress,
    share,
  )
  return { element, isBusy: () => isBusy, close: chooser.close }
}

function textFields() {
  return {
    caption: h('textarea', {
      name: 'caption',
      rows: 3,
      maxlength: LONGEST_CAPTION,
      placeholder: 'Say something about it. #hashtags are found.',
    }),
    alt: h('input', { name: 'alt', maxlength: 1_000, placeholder: 'What is on the photo?' }),
  }
}

const field = (label: string, input: HTMLElement): HTMLElement =>
  h('label', { class: 'field' }, h('span', {}, label), input)
