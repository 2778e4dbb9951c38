import sharp from 'sharp'
import { expect, it } from 'vitest'
import { until } from '../e2e/until.ts'
import type { Site } from './site.ts'
import { decodedWidth } from './visit.ts'

const photo = () =>
  sharp({ create: { width: 900, height: 600, channels: 3, background: '#2f6f9f' } })
    .jpeg()
    .toBuffer()

export function posts(on: () => Site): void {
  it('keep a like over a reload, on the card and in the post’s own view', async () => {
    const [ann] = on().people
    const { page, cards, signInAs, close } = await on().visit()
    await signInAs(ann!.displayName)
    const card = cards.filter({ has: page.locator('.like[aria-pressed="false"]') }).first()
    const id = await card.getAttribute('data-post')
    const stored = page.waitForResponse((answer) => answer.url().endsWith(`/v1/posts/${id}/like`))
    await page.locator(`[data-counts="${id}"].like`).click()
    expect((await stored).status()).toBe(200)
    await page.locator(`article[data-post="${id}"] a.open`).first().click()
    const liked = page.locator('.post .like[aria-pressed="true"]')
    await liked.waitFor()
    expect(new URL(page.url()).pathname).toBe(`/p/${id}`)
    expect(await decodedWidth(page.locator('.post'))).toBeGreaterThan(100)
    await page.reload()
    await liked.waitFor()
    await page.getByRole('button', { name: 'Who likes this' }).click()
    await page.getByRole('dialog').getByRole('link', { name: ann!.displayName }).waitFor()
    await close()
  })

  it('take a like back, and say why, when nothing can be reached', async () => {
    const [ann] = on().people
    const { page, cards, signInAs, close } = await on().visit()
    await signInAs(ann!.displayName)
    const id = await cards.first().getAttribute('data-post')
    const like = page.locator(`[data-counts="${id}"].like`)
    const before = await like.getAttribute('aria-pressed')
    await page.context().setOffline(true)
    await like.click()
    await page.getByRole('status').getByText('Tideline cannot be reached. Are you online?').waitFor()
    expect(await like.getAttribute('aria-pressed')).toBe(before)
    await close()
    expect(on().forgive('ERR_INTERNET_DISCONNECTED')).toBeGreaterThan(0)
  })

  it('open, and are left again, by keyboard alone', async () => {
    const [ann] = on().people
    const { page, cards, signInAs, close } = await on().visit()
    await signInAs(ann!.displayName)
    const comments = cards.first().getByRole('button', { name: 'Comments' })
    await comments.press('Enter')
    const drawer = page.getByRole('dialog', { name: 'Comments' })
    await drawer.waitFor()
    await page.keyboard.press('Escape')
    await drawer.waitFor({ state: 'detached' })
    await comments.and(page.locator(':focus')).waitFor()
    const photo = cards.first().locator('a.open').first()
    await photo.press('Enter')
    await page.locator('.post').waitFor()
    await page.goBack()
    await cards.first().locator('a.open:focus').first().waitFor()
    await close()
  })

  it('are commented once, however often one presses', async () => {
    const [ann] = on().people
    const { page, cards, signInAs, close } = await on().visit()
    await signInAs(ann!.displayName)
    await cards.first().locator('.when').click()
    await page.getByRole('textbox', { name: 'Comment' }).fill('Seen twice, said once.')
    await page.getByRole('button', { name: 'Send' }).dblclick()
    const comment = page.locator('.comment', { hasText: 'Seen twice, said once.' })
    await comment.first().waitFor()
    await page.reload()
    await comment.first().waitFor()
    expect(await comment.count()).toBe(1)
    await close()
  })

  it('hold several photos, each with its description, but not those that were left out', async () => {
    const [person] = await on().newcomers(1)
    const { page, cards, close } = await on().visitAs(person!)
    await page.getByRole('button', { name: 'New post' }).click()
    const sheet = page.getByRole('dialog', { name: 'New post' })
    const files = await Promise.all(
      ['one', 'two', 'three'].map(async (name) => ({
        ...{ name: `${name}.jpg`, mimeType: 'image/jpeg', buffer: await photo() },
      })),
    )
    const input = sheet.locator('input[type="file"]')
    await input.setInputFiles(files.slice(0, 2))
    await input.setInputFiles(files.slice(2))
    await sheet.getByRole('button', { name: 'Leave out two.jpg' }).click()
    const lines = sheet.getByRole('list', { name: 'Chosen photos' }).getByRole('listitem')
    expect(await lines.count()).toBe(2)
    await lines.nth(0).getByLabel('Description').fill('The first')
    await lines.nth(1).getByLabel('Description').fill('The third')
    await sheet.getByLabel('Caption').fill('Two of three')
    await sheet.getByRole('button', { name: 'Share' }).click()
    await sheet.waitFor({ state: 'detached' })
    const own = cards.filter({ hasText: 'Two of three' })
    expect(await decodedWidth(own)).toBeGreaterThan(100)
    const described = await own.locator('.frame img').evaluateAll((all) => all.map((img) => img.getAttribute('alt')))
    expect(described).toEqual(['The first', 'The third'])
    await close()
  })

  it('say at once which file is no photo, whatever its name says', async () => {
    const [person] = await on().newcomers(1)
    const { page, close } = await on().visitAs(person!)
    await page.getByRole('button', { name: 'New post' }).click()
    const sheet = page.getByRole('dialog', { name: 'New post' })
    const named = (name: string, buffer: Buffer) => ({ name, mimeType: 'image/jpeg', buffer })
    const files = [named('true.jpg', await photo()), named('fake.jpg', Buffer.from('no photo at all'))]
    await sheet.locator('input[type="file"]').setInputFiles(files)
    await sheet.getByRole('alert').getByText('“fake.jpg” cannot be shown here').waitFor()
    expect(await sheet.locator('.preview').count()).toBe(1)
    await sheet.getByRole('button', { name: 'Leave out fake.jpg' }).click()
    await sheet.getByText('cannot be shown').waitFor({ state: 'detached' })
    await close()
  })

  it('arrive from one person’s disk in another’s feed without a reload, and leave it when they are deleted', async () => {
    const [ann, ben] = on().people
    const [author, reader] = [await on().visit(), await on().visit()]
    await Promise.all([author.signInAs(ann!.displayName), reader.signInAs(ben!.displayName)])
    const caption = 'Straight from the disk #firsthand'

    await author.page.getByRole('button', { name: 'New post' }).click()
    const sheet = author.page.getByRole('dialog', { name: 'New post' })
    const file = { name: 'harbour.jpg', mimeType: 'image/jpeg', buffer: await photo() }
    await sheet.locator('input[type="file"]').setInputFiles(file)
    await sheet.getByText('harbour.jpg').waitFor()
    await sheet.getByLabel('Caption').fill(caption)
    await sheet.getByLabel('Description').fill('Blue water')
    await sheet.getByRole('button', { name: 'Share' }).dblclick()
    await sheet.waitFor({ state: 'detached' })
    const own = author.cards.filter({ hasText: caption })
    expect(await decodedWidth(own)).toBeGreaterThan(100)
    expect(await own.count()).toBe(1)
    const id = await own.getAttribute('data-post')

    await reader.page.getByRole('button', { name: /^1 new post$/ }).click()
    const arrived = reader.page.locator(`article[data-post="${id}"]`)
    expect(await decodedWidth(arrived)).toBeGreaterThan(100)
    expect(await arrived.locator('img[alt="Blue water"]').count()).toBe(1)
    expect((await reader.postIds())[0]).toBe(id)

    await own.getByRole('button', { name: 'Delete this post' }).click()
    await author.page.getByRole('button', { name: 'Delete', exact: true }).click()
    await own.waitFor({ state: 'detached' })
    const isGone = async () => {
      await reader.page.reload()
      await reader.cards.first().waitFor()
      return !(await reader.postIds()).includes(id ?? '')
    }
    await until('the post has left the feed', isGone, { everyMs: 1_000 })
    await reader.open(`/p/${id}`)
    await reader.page.getByRole('alert').filter({ hasText: 'There is no such post.' }).waitFor()
    // The console names every such answer; this one was asked for.
    await until('the console names it', async () => on().forgive(`/v1/posts/${id}`) === 1)
    await Promise.all([author.close(), reader.close()])
  })
}
