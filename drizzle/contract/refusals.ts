/**
 * Sentences with which models politely refuse, in English and Chinese, without the excuse before them
 * ("I'm sorry, but …"). They are about pictures, and about requests as such. Full-width punctuation counts
 * as its usual kind.
 */
export const REFUSALS: readonly RegExp[] = [
  /\bI(?: can ?not| can't|(?:'m| am) (?:not able|unable) to| won't be able to| (?:don't|do not) have the (?:ability|capability) to|(?:'m| am) not capable of)(?: \w+ly)* (?:creat|generat|mak|draw|produc|provid|render|design|paint|edit|show)(?:e|ing)?\b[^.!?\n]{0,60}\b(?:images?|pictures?|photos?|drawings?|illustrations?|visuals?|artworks?|graphics?|paintings?)\b/iu,
  /\bI(?: can ?not| can't|(?:'m| am) (?:not able|unable) to| won't|(?:'m| am) (?:only |just )?a language model and can't) (?:help|assist)(?: you)? with (?:that|this|your)\b/iu,
  /\bI(?: can ?not| can't|(?:'m| am) (?:not able|unable) to| won't) (?:fulfil+|comply with|process|complete) (?:that|this|your) request\b/iu,
  /(?:我)?(?:目前|现在|暂时|还|暫時|還)*(?:无法|不能|没办法|没有办法|不支持|無法|沒辦法|不支援)(?:直接|[为为給给帮幫為][您你]|[您你])*(?:创建|生成|绘制|制作|创作|提供|输出|编辑|画|創建|繪製|製作|創作|產生|輸出|編輯|畫)[^。!?\n]{0,20}(?:图|画|照片|圖|畫)/iu,
  /(?:我)?(?:目前|现在|暂时|暫時)*(?:无法|不能|無法)(?:协助|帮助|满足|完成|处理|回答|協助|幫助|滿足|處理)[^。!?\n]{0,10}(?:请求|要求|问题|請求|問題)/iu,
]
