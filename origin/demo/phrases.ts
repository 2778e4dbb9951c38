/** What is said around any photo, whatever it shows. */

/** Under any post. */
export const COMMENTS: readonly string[] = [
  'Oh, this is lovely.',
  'Where is this?',
  'Stunning light!',
  'I needed this today.',
  'How did you get so close?',
  'This made my morning.',
  'Frame it!',
  'More of these, please.',
  'Saved this one.',
  'Wow. Just wow.',
  'The colours!',
  'I can almost hear it.',
  'Taking notes for my next trip.',
  'This is my new wallpaper.',
  'You have such a good eye.',
  'Jealous, in a friendly way.',
  'What lens is this?',
  'Best thing in my feed today.',
  'Ha, exactly my kind of day.',
  'I was there last spring, never saw this!',
  'Perfect timing.',
  'Sending this to my sister.',
  'Your captions get me every time.',
  'That detail in the corner!',
  'Quietly beautiful.',
  'Okay, now I want to go.',
  'This deserves a print.',
  'Long time no post, and then this.',
]

/** What authors answer. */
export const REPLIES: readonly string[] = [
  'Thank you!',
  'Ha, pure luck.',
  'Come along next time!',
  'About an hour from town, I’ll send you the place.',
  'Right? I could not believe it either.',
  'That means a lot, thanks.',
  'Just my phone, honestly.',
  'Patience and biscuits.',
]

export const BOARDS: readonly string[] = [
  'Someday',
  'Colours I like',
  'Weekend plans',
  'Small wonders',
  'For the wall',
  'Calm',
  'Ask about this',
]
