import { mainStory } from './suites/main-story.js'

mainStory('mysql')
