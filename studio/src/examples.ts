// Texts to begin with, for whoever has none yet: what tags do, what a voice is used for.

export interface Example {
  readonly title: string
  readonly text: string
}

export const EXAMPLES: readonly [Example, ...Example[]] = [
  {
    title: 'A first laugh',
    text: 'Well, would you listen to that! [laugh] My own voice, on my own machine. [sigh] I could do this all day.',
  },
  {
    title: 'A telephone greeting',
    text: 'Thank you for calling the Harbour Bakery. [clear throat] We open at seven, and the first bread is out at half past. Press one for orders, two for cakes, or stay on the line.',
  },
  {
    title: 'The beginning of a story',
    text: 'The lighthouse keeper climbed the stairs one last time. [sigh] The sea was calm that evening, and the lamp threw its light far out over the water. [gasp] And there, between two waves, was a small boat.',
  },
]
