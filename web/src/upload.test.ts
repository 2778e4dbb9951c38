import { describe, expect, it } from 'vitest'
import type { UploadTarget } from './api.ts'
import { ApiError, type Call } from './http.ts'
import { type Sending, uploadPhoto } from './upload.ts'

const TYPE = 'image/jpeg'
const file = new File(['0123456789'], 'photo.jpg', { type: TYPE })

/** An API that promises places for parts of so many bytes, and notes what it is asked. */
function promising(partBytes: number | null) {
  const asked: [string, unknown][] = []
  const count = partBytes === null ? 1 : Math.ceil(file.size / partBytes)
  const uploads = Array.from({ length: count }, (_, i): UploadTarget => ({ url: `/store/${i + 1}`, headers: {} }))
  const call = async <T>(path: string, { body }: Call = {}): Promise<T> => {
    asked.push([path, body])
    return { id: '7', uploads, partBytes } as T
  }
  return { asked, api: { call } }
}

/** A store that fails as told, in turn, and then takes everything. */
function store(...failures: (number | null)[]) {
  const sent: string[] = []
  const pauses: number[] = []
  const sending: Sending = {
    async put({ url }, body, onProgress) {
      onProgress(0.5)
      sent.push(`${url} ${await body.text()}`)
      const status = failures.shift() ?? null
      if (status !== null) throw new ApiError(status, { detail: 'no' })
      onProgress(1)
    },
    async pause(ms) {
      pauses.push(ms)
    },
  }
  return { sent, pauses, sending }
}

describe('an upload', () => {
  it('goes whole where one place is named', async () => {
    const { asked, api } = promising(null)
    const { sent, sending } = store()
    const shares: number[] = []
    expect(await uploadPhoto(api, file, 'a view', (share) => shares.push(share), sending)).toBe('7')
    expect(sent).toEqual(['/store/1 0123456789'])
    expect(shares).toEqual([0.5, 1])
    expect(asked).toEqual([
      ['/v1/media', { contentType: TYPE, bytes: 10, alt: 'a view' }],
      ['/v1/media/7/complete', {}],
    ])
  })

  it('goes part by part where parts are asked for, and its progress is the file’s', async () => {
    const { sent, sending } = store()
    const shares: number[] = []
    await uploadPhoto(promising(4).api, file, '', (share) => shares.push(share), sending)
    expect(sent).toEqual(['/store/1 0123', '/store/2 4567', '/store/3 89'])
    expect(shares).toEqual([0.2, 0.4, 0.6, 0.8, 0.9, 1])
  })

  it('sends a part again that broke off, and no other', async () => {
    const { sent, pauses, sending } = store(null, 0, 503)
    await uploadPhoto(promising(4).api, file, '', () => {}, sending)
    expect(sent).toEqual(['/store/1 0123', '/store/2 4567', '/store/2 4567', '/store/2 4567', '/store/3 89'])
    expect(pauses).toEqual([1_000, 3_000])
  })

  it('says in a person’s words which file is no photo, and leaves other refusals as they are', async () => {
    const { api } = promising(null)
    const refusing = (code: string) => ({
      async call<T>(path: string, call?: Call): Promise<T> {
        if (!path.endsWith('/complete')) return api.call<T>(path, call)
        throw new ApiError(422, { code, detail: 'Another size than was announced. Begin a new upload.' })
      },
    })
    const refused = (code: string) => uploadPhoto(refusing(code), file, '', () => {}, store().sending)
    await expect(refused('wrong-type')).rejects.toMatchObject({
      status: 422,
      message: '“photo.jpg” is not the kind of picture that its name says, or none at all. Choose another.',
    })
    await expect(refused('of-tomorrow')).rejects.toThrow('than was announced')
  })

  it('does not insist on what is refused, and gives an outage up in the end', async () => {
    const refusing = store(403)
    const { asked, api } = promising(4)
    await expect(uploadPhoto(api, file, '', () => {}, refusing.sending)).rejects.toMatchObject({ status: 403 })
    expect([refusing.sent.length, refusing.pauses.length, asked.length]).toEqual([1, 0, 1])
    const away = store(0, 0, 0, 0)
    await expect(uploadPhoto(api, file, '', () => {}, away.sending)).rejects.toMatchObject({ status: 0 })
    expect(away.sent).toHaveLength(4)
  })
})
