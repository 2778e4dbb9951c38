import { expect, it } from 'vitest'
import { until } from '../e2e/until.ts'
import type { Site } from './site.ts'

/** What people keep, and what they are told. */
export function keeping(on: () => Site): void {
  it('a post is saved to a new board, shows on the profile, and is taken off again', async () => {
    const [person] = await on().newcomers(1)
    const { page, cards, open, close } = await on().visitAs(person!)
    await cards.first().getByRole('button', { name: 'Save to a board' }).click()
    const sheet = page.getByRole('dialog', { name: 'Save to a board' })
    await sheet.getByLabel('New board').fill('Boats')
    await sheet.getByLabel('Only I see it').check()
    await sheet.getByRole('button', { name: 'Create and save' }).dblclick()
    await page.getByRole('status').getByText('Saved to “Boats”.').waitFor()
    await open(`/u/${person!.username}`)
    await page.getByRole('region', { name: 'Boards' }).getByRole('link', { name: 'Boats 1 post' }).click()
    await page.getByRole('heading', { name: 'Boats private · 1 post' }).waitFor()
    await page.getByRole('button', { name: 'Take off the board' }).click()
    await page.getByRole('status').getByText('Taken off the board.').waitFor()
    await page.getByRole('heading', { name: 'Boats private · 0 posts' }).waitFor()
    await page.getByText('Nothing on this board yet.').waitFor()
    expect(await page.evaluate('document.activeElement?.id')).toBe('main')
    await page.reload()
    await page.getByText('Nothing on this board yet.').waitFor()
    await close()
  })

  it('a follow and a comment are told, and a reply is found only where there is one', async () => {
    const [writer, reader] = await on().newcomers(2)
    const path = `/p/${(await writer!.byApi.post('A thought')).id}`
    const visit = await on().visitAs(reader!)
    await visit.open(path)
    const say = async (text: string) => {
      await visit.page.getByRole('textbox', { name: 'Comment' }).fill(text)
      await visit.page.getByRole('button', { name: 'Send' }).click()
      await visit.page.locator('.comment', { hasText: text }).first().waitFor()
    }
    const comment = (text: string) => visit.page.locator('.comments > .comment', { hasText: text })
    await say('A question of mine')
    await say('A remark of mine')
    await comment('A question of mine').getByRole('button', { name: 'Reply' }).click()
    await say('An answer of mine')
    await visit.page.reload()
    const show = { name: 'Show replies' }
    await comment('A remark of mine').waitFor()
    expect(await comment('A remark of mine').getByRole('button', show).isVisible()).toBe(false)
    await comment('A question of mine').getByRole('button', show).click()
    await comment('A question of mine').locator('.replies', { hasText: 'An answer of mine' }).waitFor()
    expect(await comment('A question of mine').getByRole('button', show).isVisible()).toBe(false)
    await visit.open(`/u/${writer!.username}`)
    await visit.page.locator('.profile-head .follow').click()
    await visit.close()

    const author = await on().visitAs(writer!)
    const told = author.page.getByRole('region', { name: 'What happened' })
    await until('it is told', async () => {
      await author.open('/notifications')
      await told.getByRole('link').first().waitFor()
      return (await told.getByText(`${reader!.displayName} follows you.`).count()) === 1
    })
    await until('what was looked at is new no more', async () => {
      await author.open('/notifications')
      await told.getByRole('link').first().waitFor()
      return (await told.getByText('(new)').count()) === 0
    })
    await told
      .getByRole('link', { name: `${reader!.displayName} commented on your post.` })
      .first()
      .click()
    await author.page.locator('.post').waitFor()
    expect(new URL(author.page.url()).pathname).toBe(path)
    await author.close()
  })
}
