"""The channel of WeChat subscribe messages 订阅消息: templates, values, quotas, sending."""
