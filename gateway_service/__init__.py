"""The payment gateway: carries orders across banks. It decides nothing about money; the banks do."""
