import { scenarios } from './bad-models.ts'
import { testScenarios } from './test-scenarios.ts'

testScenarios(scenarios)
