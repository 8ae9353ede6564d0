import { texts } from "./i18n";

export const sessionTexts = texts({
	signIn: ["Sign in", "登录"],
	signInTo: ["Sign in to Headwater", "登录 Headwater"],
	tagline: ["The CDN edge that treats an origin's failure as its own problem.", "源站故障由边缘承担，访客无感。"],
	account: ["Account", "账号"],
	password: ["Password", "密码"],
	showPassword: ["Show password", "显示密码"],
	hidePassword: ["Hide password", "隐藏密码"],
	wrong: ["The account or the password is wrong.", "账号或密码错误。"],
	tooMany: ["Too many attempts. Try again in {seconds} s.", "尝试次数过多，请在 {seconds} 秒后重试。"],
	firstHint: [
		"At the first start, the log of the control plane has the password of admin, once.",
		"首次启动时，控制面日志中会显示一次 admin 的初始密码。",
	],
	changeTitle: ["Choose a new password", "设置新密码"],
	changeFirst: [
		"The password of {account} was made by the server or by somebody else. Choose one that only you know; after that, sign in continues by itself.",
		"{account} 的密码由服务器或他人设置。请设置仅您知道的新密码，之后将自动继续。",
	],
	oldPassword: ["Current password", "当前密码"],
	newPassword: ["New password", "新密码"],
	repeatPassword: ["New password again", "再次输入新密码"],
	length: [
		"At least 12 characters; a few words in a row are easy to remember.",
		"至少 12 个字符；几个词连在一起便于记忆。",
	],
	tooShort: ["{missing} more characters are needed.", "还需要 {missing} 个字符。"],
	tooLong: ["It has more than 1024 bytes.", "超过 1024 字节。"],
	differs: ["The two are not the same.", "两次输入不一致。"],
	sameAsOld: ["It is the same as the current one.", "与当前密码相同。"],
	oldWrong: ["The current password is not this one.", "当前密码不正确。"],
	change: ["Change password", "修改密码"],
	changed: ["The password is changed.", "密码已修改。"],
	signOut: ["Sign out", "退出登录"],
	expired: ["Your session has ended", "会话已过期"],
	expiredHint: [
		"Sign in again to go on where you are: nothing on the page is lost, and what was being sent is sent then.",
		"重新登录即可继续：页面内容不会丢失，正在发送的请求会在登录后继续。",
	],
	other: ["Sign in as somebody else", "使用其他账号登录"],
	otherHint: ["What is not saved on this page is lost then.", "此页面上未保存的内容将会丢失。"],
});
