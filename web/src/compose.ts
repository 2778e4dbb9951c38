/** Describing and posting photos. */
import type { Accepted, FeedItem, Id, Post } from './api.ts'
import type { App } from './app.ts'
import { createAttempts } from './attempt.ts'
import { openDialog } from './dialog.ts'
import { h } from './dom.ts'
import { type Api, sentenceOf } from './http.ts'
import { type Photo, photoChooser } from './photo-chooser.ts'
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
  photos: readonly Photo[]
  caption: string
}

type Progress = (share: number) => void

/** Uploads and posts; after a failure, the same draft uploads nothing again and posts once. */
function postSender(api: Api): (draft: Draft, onProgress: Progress) => Promise<Post | Accepted> {
  const uploaded = new Map<File, { alt: string; id: Id }>()
  const keyOf = createAttempts()
  return async ({ photos, caption }, onProgress) => {
    const mediaIds: Id[] = []
    // One after the other: a slow line is not made faster by sharing it, and the progress says something.
    for (const [i, { file, alt }] of photos.entries()) {
      const told: Progress = (share) => onProgress((i + share) / photos.length)
      const known = uploaded.get(file)
      const id = known?.alt === alt ? known.id : await uploadPhoto(api, file, alt, told)
      uploaded.set(file, { alt, id })
      mediaIds.push(id)
    }
    const body = { caption, mediaIds }
    return api.call<Post | Accepted>('/v1/posts', { method: 'POST', body, idempotencyKey: keyOf(body) })
  }
}

/** @param send what it rejects with is shown, and the person may try again */
function composeForm(send: (draft: Draft, onProgress: Progress) => Promise<void>) {
  let isBusy = false
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  const progress = h('progress', { max: 1, value: 0, hidden: true, 'aria-label': 'Upload' })
  const share = h('button', { class: 'button wide', type: 'submit', disabled: true }, 'Share')
  const caption = h('textarea', {
    name: 'caption',
    rows: 3,
    maxlength: LONGEST_CAPTION,
    placeholder: 'Say something about it. #hashtags are found.',
  })
  const say = (sentence: string | null) => {
    problem.textContent = sentence
    problem.hidden = sentence === null
  }
  const chooser = photoChooser((count, refusal) => {
    say(refusal)
    share.disabled = count === 0
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
    const photos = chooser.photos()
    if (photos.length === 0 || isBusy) return
    setBusy(true)
    say(null)
    const onProgress = (sent: number) => {
      progress.value = sent
    }
    const failure = await send({ photos, caption: caption.value.trim() }, onProgress).then(() => null, sentenceOf)
    setBusy(false)
    say(failure)
  }
  const element = h(
    'form',
    { class: 'compose', onsubmit: (event) => void onsubmit(event) },
    chooser.element,
    field('Caption', caption),
    problem,
    progress,
    share,
  )
  return { element, isBusy: () => isBusy, close: chooser.close }
}

const field = (label: string, input: HTMLElement): HTMLElement =>
  h('label', { class: 'field' }, h('span', {}, label), input)
